import { z } from 'zod';

import { dismissBellEntry } from '../../commands/notifications/dismiss-bell';
import type { BellEntry } from '../../db/stores/bell';
import { findBellEntry, listBell } from '../../db/stores/bell';
import type { ApiDeps } from '../api-deps';
import { notFound } from '../errors';
import { rfcDate } from '../present/dates';
import { integerArgument } from '../query-arguments';
import type { ApiRoute } from '../route';
import { route } from '../route';
import { signedInUser } from '../signed-in-user';

const ONE = '/user/notifications/{uuid}';

/** What waits behind the bell of whoever is signed in (api spec 20). */
export function createBellRoutes(deps: ApiDeps): ApiRoute[] {
  return [
    route({
      method: 'GET',
      path: '/user/notifications',
      operationId: 'listUserNotifications',
      access: 'user',
      async handle(request) {
        const limit = integerArgument(request.query, 'limit', { byDefault: 5, min: 1, max: 100 });
        const page = integerArgument(request.query, 'page', { byDefault: 0, min: 0, max: 100_000 });
        const { accountId } = signedInUser(request);
        const window = { limit: limit + 1, offset: page * limit };
        const entries = await listBell(deps.dataSource.manager, accountId, window);
        const notifications = entries.slice(0, limit).map(presentEntry);
        return { status: 200, body: { notifications, additional: entries.length > limit } };
      },
    }),
    route({
      method: 'GET',
      path: ONE,
      operationId: 'getUserNotification',
      access: 'user',
      async handle(request) {
        const { accountId } = signedInUser(request);
        const entry = await findBellEntry(deps.dataSource.manager, accountId, request.params.uuid ?? '');
        if (!entry) throw notFound();
        return { status: 200, body: presentEntry(entry) };
      },
    }),
    route({
      method: 'PUT',
      path: ONE,
      operationId: 'updateUserNotification',
      access: 'user',
      bodySchema: z.looseObject({ dismissed: z.boolean() }),
      async handle(request) {
        const { accountId } = signedInUser(request);
        const input = { accountId, uuid: request.params.uuid ?? '', dismissed: request.body.dismissed };
        return { status: 200, body: presentEntry(await dismissBellEntry(deps, request.actor, input)) };
      },
    }),
  ];
}

function presentEntry(entry: BellEntry) {
  return {
    id: entry.uuid,
    organization: entry.organization,
    kind: entry.kind,
    created: rfcDate(entry.createdAtMs),
    metadata: entry.metadata,
    dismissed: entry.dismissed,
  };
}
