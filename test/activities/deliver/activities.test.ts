import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { DataSource } from 'typeorm';

import type { DeliverActivities, DeliverDeps } from '../../../activities/deliver/activities';
import { createDeliverActivities } from '../../../activities/deliver/activities';
import type { Mail } from '../../../activities/deliver/mailer';
import { createMailer } from '../../../activities/deliver/mailer';
import { runAct, SYSTEM } from '../../../commands/act';
import { requestEmailAuthorization } from '../../../commands/notifications/email-authorization';
import { raiseEvent } from '../../../commands/notifications/raise-event';
import { createRule, deleteRule } from '../../../commands/notifications/rules';
import {
  AuthorizedEmail,
  BellNotification,
  Delivery,
  NotificationRule,
} from '../../../db/entities/notifications';
import { createAddressPolicy } from '../../../outbound/address-policy';
import { createOutboundHttp } from '../../../outbound/http';
import { sharedDatabase } from '../../support/database';
import { buildRepository, buildUser } from '../../support/factories';
import { freePort } from '../../support/processes';
import type { Receiver } from '../../support/receiver';
import { startReceiver } from '../../support/receiver';

const CONFIG = {
  SERVER_HOSTNAME: 'reg.example:5000',
  PREFERRED_URL_SCHEME: 'https' as const,
  REGISTRY_TITLE: 'Slipway',
  REGISTRY_TITLE_SHORT: 'Slipway',
  NOTIFICATION_SEND_TIMEOUT: 1,
};
const LOOPBACK = createOutboundHttp({ policy: createAddressPolicy({ allowedNetworks: ['127.0.0.0/8'] }) });

describe('deliver activities', function () {
  this.timeout(30_000);
  let dataSource: DataSource;
  const receivers: Receiver[] = [];

  before(async () => {
    dataSource = await sharedDatabase();
  });

  afterEach(async () => {
    for (const receiver of receivers.splice(0)) await receiver.close();
  });

  function activities(changes: Partial<DeliverDeps> = {}): DeliverActivities {
    const mailer = { send: () => Promise.reject(new Error('no mail is expected')), close: () => undefined };
    return createDeliverActivities({
      dataSource,
      now: () => Date.now(),
      http: LOOPBACK,
      mailer,
      config: CONFIG,
      ...changes,
    });
  }

  async function receive(...args: Parameters<typeof startReceiver>): Promise<Receiver> {
    const receiver = await startReceiver(...args);
    receivers.push(receiver);
    return receiver;
  }

  async function owe(method: string, config: Record<string, unknown>, confirmed?: string) {
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

  const run = <A extends unknown[], R>(activity: (...args: A) => Promise<R>, ...args: A): Promise<R> =>
    new MockActivityEnvironment().run(activity, ...args);

  async function failure(work: Promise<unknown>): Promise<ApplicationFailure> {
    const error: unknown = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof ApplicationFailure, `expected a failure, got ${String(error)}`);
    return error;
  }

  const stored = (delivery: Delivery) => dataSource.manager.findOneByOrFail(Delivery, { id: delivery.id });

  describe('postWebhook', () => {
    it('posts the payload with the id of the delivery, once', async () => {
      const receiver = await receive();
      const { delivery } = await owe('webhook', { url: receiver.url });
      const { postWebhook } = activities();
      assert.equal(await run(postWebhook, delivery.uuid), 'delivered');
      assert.equal(await run(postWebhook, delivery.uuid), 'gone');
      assert.equal(receiver.received.length, 1);
      const [request] = receiver.received;
      assert.equal(request?.method, 'POST');
      assert.equal(request.headers['content-type'], 'application/json');
      assert.equal(request.headers['x-slipway-delivery'], delivery.uuid);
      assert.equal(request.headers['x-slipway-event'], 'repo_push');
      assert.deepEqual(JSON.parse(request.body), delivery.payload);
      assert.equal((await stored(delivery)).responseStatus, 204);
    });

    it('posts what the template of the rule makes of the payload', async () => {
      const receiver = await receive();
      const { delivery } = await owe('webhook', {
        url: receiver.url,
        template: '{"text":"${repository}: ${updated_tags[*]}"}',
      });
      await run(activities().postWebhook, delivery.uuid);
      assert.deepEqual(JSON.parse(receiver.received[0]?.body ?? ''), {
        text: `${String(delivery.payload.repository)}: v1`,
      });
    });

    it('asks for another try after a 503, as late as the receiver wants', async () => {
      const receiver = await receive(
        (response) => void response.writeHead(503, { 'retry-after': '7' }).end(),
      );
      const { delivery } = await owe('webhook', { url: receiver.url });
      const error = await failure(run(activities().postWebhook, delivery.uuid));
      assert.equal(error.nonRetryable, false);
      assert.equal(error.nextRetryDelay, 7000);
      const row = await stored(delivery);
      assert.deepEqual(
        [row.status, row.attempts, row.lastError],
        ['pending', 1, 'the receiver answered 503'],
      );
    });

    it('takes 410 for final, and follows no redirect', async () => {
      for (const status of [410, 302]) {
        const receiver = await receive(
          (response) => void response.writeHead(status, { location: '/elsewhere' }).end(),
        );
        const { delivery } = await owe('webhook', { url: receiver.url });
        assert.equal((await failure(run(activities().postWebhook, delivery.uuid))).nonRetryable, true);
        assert.equal(receiver.received.length, 1);
      }
    });

    it('bounds a receiver that never answers', async () => {
      const receiver = await receive(() => undefined);
      const { delivery } = await owe('webhook', { url: receiver.url });
      const error = await failure(run(activities().postWebhook, delivery.uuid));
      assert.match(error.message, /did not answer within 1000 ms/);
      assert.equal(error.nonRetryable, false);
    });

    it('bounds a receiver that answers without end', async () => {
      const receiver = await receive((response) => {
        response.writeHead(200);
        const pour = () => {
          while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
        };
        response.on('drain', pour);
        response.on('error', () => undefined);
        pour();
      });
      const { delivery } = await owe('webhook', { url: receiver.url });
      assert.equal(await run(activities().postWebhook, delivery.uuid), 'delivered');
    });

    it('sends nothing to an address that the policy refuses, and says so for good', async () => {
      const receiver = await receive();
      const { delivery } = await owe('webhook', { url: receiver.url });
      const http = createOutboundHttp({ policy: createAddressPolicy({ allowedNetworks: [] }) });
      const error = await failure(run(activities({ http }).postWebhook, delivery.uuid));
      assert.equal(error.nonRetryable, true);
      assert.equal(receiver.received.length, 0);
    });

    it('skips a rule that is switched off, and says why', async () => {
      const receiver = await receive();
      const { delivery, rule } = await owe('webhook', { url: receiver.url });
      await dataSource.manager.update(NotificationRule, rule.id, { numberOfFailures: 3 });
      assert.equal(await run(activities().postWebhook, delivery.uuid), 'skipped');
      assert.match((await stored(delivery)).lastError ?? '', /switched off/);
      assert.equal(receiver.received.length, 0);
    });

    it('leaves alone what was deleted with its rule', async () => {
      const { delivery, rule, subject, deps } = await owe('webhook', { url: 'http://127.0.0.1:9/x' });
      await deleteRule(deps, SYSTEM, subject, rule.uuid);
      assert.equal(await run(activities().postWebhook, delivery.uuid), 'gone');
      assert.equal(await run(activities().postWebhook, randomUUID()), 'gone');
    });
  });

  describe('sendEmail', () => {
    it('writes text and HTML with everything from outside escaped', async () => {
      const sent: Mail[] = [];
      const mailer = { send: (mail: Mail) => Promise.resolve(void sent.push(mail)), close: () => undefined };
      const { delivery } = await owe('email', { email: 'ann@example.com' }, 'ann@example.com');
      await dataSource.manager.update(Delivery, delivery.id, {
        payload: { repository: 'a/b', updated_tags: ['<script>'] },
      });
      assert.equal(await run(activities({ mailer }).sendEmail, delivery.uuid), 'delivered');
      assert.equal(sent[0]?.to, 'ann@example.com');
      assert.equal(sent[0].subject, '[Slipway] Repository a/b updated');
      assert.match(sent[0].text, /Tags: <script>/);
      assert.match(sent[0].html, /&lt;script&gt;/);
      assert.doesNotMatch(sent[0].html, /<script>/);
    });

    it('mails a link with a fresh code to an address that is asked', async () => {
      const sent: Mail[] = [];
      const mailer = { send: (mail: Mail) => Promise.resolve(void sent.push(mail)), close: () => undefined };
      const { subject, deps } = await owe('webhook', { url: 'http://example.com/' });
      const row = await requestEmailAuthorization(deps, SYSTEM, subject, 'bob@example.com');
      const mails = await dataSource.manager.findBy(Delivery, { event: 'confirm_email' });
      const delivery = mails.find(({ payload }) => payload.authorized_email_id === row.id);
      assert.equal(await run(activities({ mailer }).sendEmail, delivery?.uuid ?? ''), 'delivered');
      assert.equal(sent[0]?.to, 'bob@example.com');
      assert.match(sent[0].text, /https:\/\/reg\.example:5000\/authrepoemail\?code=[\w-]{32}/);
      const code = /code=([\w-]+)/.exec(sent[0].text)?.[1] ?? '';
      const inClear: unknown[] = await dataSource.query(
        'SELECT id FROM authorized_email WHERE code_hash = ?',
        [code],
      );
      assert.equal(inClear.length, 0);
    });

    it('asks for another try while the mail server is away', async () => {
      const mailer = createMailer({
        ...CONFIG,
        MAIL_SERVER: '127.0.0.1',
        MAIL_PORT: await freePort(),
        MAIL_USE_TLS: false,
        MAIL_DEFAULT_SENDER: 'slipway@example.com',
      });
      const { delivery } = await owe('email', { email: 'ann@example.com' }, 'ann@example.com');
      const error = await failure(run(activities({ mailer }).sendEmail, delivery.uuid));
      assert.equal(error.nonRetryable, false);
      assert.match(error.message, /the mail server refused/);
    });

    it('takes a 5xx of the mail server for final and a 4xx for a pause', async () => {
      for (const [responseCode, isFinal] of [
        [550, true],
        [451, false],
      ] as const) {
        const refusal = Object.assign(new Error('mailbox'), { responseCode });
        const mailer = { send: () => Promise.reject(refusal), close: () => undefined };
        const { delivery } = await owe('email', { email: 'ann@example.com' }, 'ann@example.com');
        assert.equal(
          (await failure(run(activities({ mailer }).sendEmail, delivery.uuid))).nonRetryable,
          isFinal,
        );
      }
    });
  });

  describe('ringBell', () => {
    it('writes the row once', async () => {
      const { delivery, user } = await owe('quay_notification', {});
      assert.equal(await run(activities().ringBell, delivery.uuid), 'delivered');
      assert.equal(await run(activities().ringBell, delivery.uuid), 'gone');
      const rows = await dataSource.manager.findBy(BellNotification, { targetId: user.id });
      assert.deepEqual(
        rows.map(({ kind }) => kind),
        ['repo_push'],
      );
    });
  });
});
