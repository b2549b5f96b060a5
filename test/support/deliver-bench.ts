import assert from 'node:assert/strict';

import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { DataSource } from 'typeorm';

import type { DeliverActivities, DeliverDeps } from '../../activities/deliver/activities';
import { createDeliverActivities } from '../../activities/deliver/activities';
import { ReceiverPlaces } from '../../activities/deliver/receiver-places';
import { runAct, SYSTEM } from '../../commands/act';
import { requestEmailAuthorization } from '../../commands/notifications/email-authorization';
import { raiseEvent } from '../../commands/notifications/raise-event';
import { createRule } from '../../commands/notifications/rules';
import { AuthorizedEmail, Delivery, NotificationRule } from '../../db/entities/notifications';
import { createAddressPolicy } from '../../outbound/address-policy';
import { createOutboundHttp } from '../../outbound/http';
import { sharedDatabase } from './database';
import { buildRepository, buildUser } from './factories';

export const DELIVER_CONFIG = {
  SERVER_HOSTNAME: 'reg.example:5000',
  PREFERRED_URL_SCHEME: 'https' as const,
  REGISTRY_TITLE: 'Slipway',
  REGISTRY_TITLE_SHORT: 'Slipway',
  NOTIFICATION_SEND_TIMEOUT: 1,
  MAIL_SEND_TIMEOUT: 2,
};
const LOOPBACK = createOutboundHttp({ policy: createAddressPolicy({ allowedNetworks: ['127.0.0.0/8'] }) });

/** Deliveries on the shared database and the activities that send them, outside Temporal. */
export async function deliverBench() {
  const dataSource = await sharedDatabase();
  return {
    dataSource,
    owe: (method: string, config: Record<string, unknown>, confirmed?: string) =>
      oweDelivery(dataSource, { method, config, confirmed }),
    stored: (delivery: Delivery) => dataSource.manager.findOneByOrFail(Delivery, { id: delivery.id }),
    storedRule: (rule: NotificationRule) =>
      dataSource.manager.findOneByOrFail(NotificationRule, { id: rule.id }),
    activities: (changes: Partial<DeliverDeps> = {}): DeliverActivities => {
      const mailer = { send: () => Promise.reject(new Error('no mail is expected')), close: () => undefined };
      return createDeliverActivities({
        dataSource,
        now: () => Date.now(),
        http: LOOPBACK,
        mailer,
        places: new ReceiverPlaces({ slots: 100 }),
        config: DELIVER_CONFIG,
        ...changes,
      });
    },
  };
}

export type DeliverBench = Awaited<ReturnType<typeof deliverBench>>;

/** A push of a new repository whose one rule makes it owe one delivery. */
async function oweDelivery(
  dataSource: DataSource,
  {
    method,
    config,
    confirmed,
  }: { method: string; config: Record<string, unknown>; confirmed?: string | undefined },
) {
  const user = await buildUser(dataSource);
  const repository = await buildRepository(dataSource, { namespace: user.account });
  const deps = { dataSource, now: () => Date.now() };
  const subject = {
    id: repository.id,
    namespaceId: user.account.id,
    namespace: user.account.name,
    name: repository.name,
  };
  if (confirmed) {
    await requestEmailAuthorization(deps, SYSTEM, subject, confirmed);
    await dataSource.manager.update(AuthorizedEmail, { repositoryId: repository.id }, { confirmed: true });
  }
  const target =
    method === 'quay_notification' ? { target: { kind: 'user', name: user.account.name } } : config;
  const rule = await createRule(deps, SYSTEM, subject, {
    event: 'repo_push',
    method,
    config: target,
    eventConfig: {},
    title: null,
  });
  const payload = {
    repository: `${subject.namespace}/${subject.name}`,
    updated_tags: ['v1'],
    homepage: 'https://x.example/',
  };
  await runAct(deps, SYSTEM, (act) => raiseEvent(act, { kind: 'repo_push', repository: subject, payload }));
  const delivery = await dataSource.manager.findOneByOrFail(Delivery, { ruleId: rule.id });
  return { rule, delivery, subject, user: user.account, deps };
}

export function runActivity<A extends unknown[], R>(
  activity: (...args: A) => Promise<R>,
  ...args: A
): Promise<R> {
  return new MockActivityEnvironment().run(activity, ...args);
}

/** The failure that the work ends with. */
export async function failureOf(work: Promise<unknown>): Promise<ApplicationFailure> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ApplicationFailure, `expected a failure, got ${String(error)}`);
  return error;
}
