import { z } from 'zod';

import type { ActDeps } from '../../commands/act';
import { ActError } from '../../commands/act-error';
import { createRule, deleteRule, resetRule, testRule } from '../../commands/notifications/rules';
import { NotificationRule } from '../../db/entities/notifications';
import type { PublicAddress } from '../../model/event-payloads';
import { repositoryPayload } from '../../model/event-payloads';
import { foundRepository } from '../found-repository';
import type { ApiRoute } from '../route';
import { presentRule } from './present-rule';

export interface NotificationRouteDeps extends ActDeps {
  address: PublicAddress;
}

const newRule = z.looseObject({
  event: z.string(),
  method: z.string(),
  config: z.record(z.string(), z.unknown()),
  eventConfig: z.record(z.string(), z.unknown()),
  title: z.string().max(255).nullish(),
});

const COLLECTION = '/repository/{r}/notification/';
const ONE = '/repository/{r}/notification/{uuid}';
const ADMIN = { access: 'repository-admin' } as const;

/** Rules "on event X do Y" of a repository (notifications spec 7). */
export function createNotificationRoutes(deps: NotificationRouteDeps): ApiRoute[] {
  return [
    {
      method: 'GET',
      path: COLLECTION,
      operationId: 'listRepoNotifications',
      ...ADMIN,
      async handle(request) {
        const { id } = foundRepository(request);
        const rules = await deps.dataSource.manager.find(NotificationRule, {
          where: { repositoryId: id },
          order: { id: 'ASC' },
        });
        return { status: 200, body: { notifications: rules.map(presentRule) } };
      },
    },
    {
      method: 'POST',
      path: COLLECTION,
      operationId: 'createRepoNotification',
      ...ADMIN,
      bodySchema: newRule,
      async handle(request) {
        const { event, method, config, eventConfig, title } = newRule.parse(request.body);
        const input = { event, method, config, eventConfig, title: title ?? null };
        const rule = await createRule(deps, request.actor, foundRepository(request), input);
        return { status: 201, body: presentRule(rule) };
      },
    },
    {
      method: 'GET',
      path: ONE,
      operationId: 'getRepoNotification',
      ...ADMIN,
      async handle(request) {
        const { id } = foundRepository(request);
        const uuid = request.params.uuid ?? '';
        const rule = await deps.dataSource.manager.findOneBy(NotificationRule, { uuid, repositoryId: id });
        if (!rule) throw new ActError('not-found', `there is no notification "${uuid}"`);
        return { status: 200, body: presentRule(rule) };
      },
    },
    {
      method: 'DELETE',
      path: ONE,
      operationId: 'deleteRepoNotification',
      ...ADMIN,
      async handle(request) {
        await deleteRule(deps, request.actor, foundRepository(request), request.params.uuid ?? '');
        return { status: 204 };
      },
    },
    {
      method: 'POST',
      path: ONE,
      operationId: 'resetRepositoryNotificationFailures',
      ...ADMIN,
      async handle(request) {
        await resetRule(deps, request.actor, foundRepository(request), request.params.uuid ?? '');
        return { status: 204 };
      },
    },
    {
      method: 'POST',
      path: `${ONE}/test`,
      operationId: 'testRepoNotification',
      ...ADMIN,
      async handle(request) {
        const repository = foundRepository(request);
        const payload = { ...repositoryPayload(deps.address, repository) };
        await testRule(deps, request.actor, repository, request.params.uuid ?? '', payload);
        return { status: 200, body: {} };
      },
    },
  ];
}
