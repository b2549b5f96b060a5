import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';

import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { DataSource } from 'typeorm';

import type { Mail } from '../../../activities/deliver/mailer';
import { createMailer } from '../../../activities/deliver/mailer';
import { SYSTEM } from '../../../commands/act';
import { requestEmailAuthorization } from '../../../commands/notifications/email-authorization';
import { deleteRule } from '../../../commands/notifications/rules';
import { BellNotification, Delivery, NotificationRule } from '../../../db/entities/notifications';
import { createAddressPolicy } from '../../../outbound/address-policy';
import { createOutboundHttp } from '../../../outbound/http';
import type { DeliverBench } from '../../support/deliver-bench';
import { DELIVER_CONFIG, deliverBench, failureOf, runActivity } from '../../support/deliver-bench';
import { freePort } from '../../support/processes';
import type { Receiver } from '../../support/receiver';
import { startReceiver } from '../../support/receiver';

describe('deliver activities', function () {
  this.timeout(30_000);
  let dataSource: DataSource;
  let activities: DeliverBench['activities'];
  let owe: DeliverBench['owe'];
  let stored: DeliverBench['stored'];
  const receivers: Receiver[] = [];

  before(async () => {
    ({ dataSource, activities, owe, stored } = await deliverBench());
  });

  afterEach(async () => {
    for (const receiver of receivers.splice(0)) await receiver.close();
  });

  async function receive(...args: Parameters<typeof startReceiver>): Promise<Receiver> {
    const receiver = await startReceiver(...args);
    receivers.push(receiver);
    return receiver;
  }

  describe('postWebhook', () => {
    it('posts the payload with the id of the delivery, once', async () => {
      const receiver = await receive();
      const { delivery } = await owe('webhook', { url: receiver.url });
      const { postWebhook } = activities();
      assert.equal(await runActivity(postWebhook, delivery.uuid), 'delivered');
      assert.equal(await runActivity(postWebhook, delivery.uuid), 'gone');
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
      await runActivity(activities().postWebhook, delivery.uuid);
      assert.deepEqual(JSON.parse(receiver.received[0]?.body ?? ''), {
        text: `${String(delivery.payload.repository)}: v1`,
      });
    });

    it('asks for another try after a 503, as late as the receiver wants', async () => {
      const receiver = await receive(
        (response) => void response.writeHead(503, { 'retry-after': '7' }).end(),
      );
      const { delivery } = await owe('webhook', { url: receiver.url });
      const error = await failureOf(runActivity(activities().postWebhook, delivery.uuid));
      assert.equal(error.nonRetryable, false);
      assert.equal(error.nextRetryDelay, 7000);
      const row = await stored(delivery);
      assert.deepEqual(
        [row.status, row.attempts, row.lastError],
        ['pending', 1, 'the receiver answered 503'],
      );
    });

    it('counts its own tries, not the times that it had to wait for its turn', async () => {
      const receiver = await receive((response) => void response.writeHead(503).end());
      const { delivery } = await owe('webhook', { url: receiver.url });
      const retryPolicy = { initialInterval: 10_000, backoffCoefficient: 1, maximumInterval: 1_800_000 };
      const environment = new MockActivityEnvironment({ attempt: 9, retryPolicy });
      const { postWebhook } = activities();
      assert.equal((await failureOf(environment.run(postWebhook, delivery.uuid))).nextRetryDelay, 10_000);
      assert.equal((await failureOf(environment.run(postWebhook, delivery.uuid))).nextRetryDelay, 20_000);
    });

    it('does not count a call that is cut short from here as a failure of the receiver', async () => {
      const environment = new MockActivityEnvironment();
      const receiver = await receive(() => environment.cancel('WORKER_SHUTDOWN'));
      const { delivery } = await owe('webhook', { url: receiver.url });
      await assert.rejects(environment.run(activities().postWebhook, delivery.uuid), CancelledFailure);
      const { status, attempts, lastError } = await stored(delivery);
      assert.deepEqual([status, attempts, lastError], ['pending', 0, null]);
    });

    it('takes 410 for final, and follows no redirect', async () => {
      for (const status of [410, 302]) {
        const receiver = await receive(
          (response) => void response.writeHead(status, { location: '/elsewhere' }).end(),
        );
        const { delivery } = await owe('webhook', { url: receiver.url });
        assert.equal(
          (await failureOf(runActivity(activities().postWebhook, delivery.uuid))).nonRetryable,
          true,
        );
        assert.equal(receiver.received.length, 1);
      }
    });

    it('bounds a receiver that never answers', async () => {
      const receiver = await receive(() => undefined);
      const { delivery } = await owe('webhook', { url: receiver.url });
      const error = await failureOf(runActivity(activities().postWebhook, delivery.uuid));
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
      assert.equal(await runActivity(activities().postWebhook, delivery.uuid), 'delivered');
    });

    it('sends nothing to an address that the policy refuses, and says so for good', async () => {
      const receiver = await receive();
      const { delivery } = await owe('webhook', { url: receiver.url });
      const http = createOutboundHttp({ policy: createAddressPolicy({ allowedNetworks: [] }) });
      const error = await failureOf(runActivity(activities({ http }).postWebhook, delivery.uuid));
      assert.equal(error.nonRetryable, true);
      assert.equal(receiver.received.length, 0);
    });

    it('skips a rule that is switched off, and says why', async () => {
      const receiver = await receive();
      const { delivery, rule } = await owe('webhook', { url: receiver.url });
      await dataSource.manager.update(NotificationRule, rule.id, { numberOfFailures: 3 });
      assert.equal(await runActivity(activities().postWebhook, delivery.uuid), 'skipped');
      assert.match((await stored(delivery)).lastError ?? '', /switched off/);
      assert.equal(receiver.received.length, 0);
    });

    it('leaves alone what was deleted with its rule', async () => {
      const { delivery, rule, subject, deps } = await owe('webhook', { url: 'http://127.0.0.1:9/x' });
      await deleteRule(deps, SYSTEM, subject, rule.uuid);
      assert.equal(await runActivity(activities().postWebhook, delivery.uuid), 'gone');
      assert.equal(await runActivity(activities().postWebhook, randomUUID()), 'gone');
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
      assert.equal(await runActivity(activities({ mailer }).sendEmail, delivery.uuid), 'delivered');
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
      assert.equal(await runActivity(activities({ mailer }).sendEmail, delivery?.uuid ?? ''), 'delivered');
      assert.equal(sent[0]?.to, 'bob@example.com');
      assert.match(sent[0].text, /https:\/\/reg\.example:5000\/authrepoemail\?code=[\w-]{32}/);
      const code = /code=([\w-]+)/.exec(sent[0].text)?.[1] ?? '';
      const inClear: unknown[] = await dataSource.query(
        'SELECT id FROM authorized_email WHERE code_hash = ?',
        [code],
      );
      assert.equal(inClear.length, 0);
    });

    it('does not count a mail that is cut short from here', async () => {
      const environment = new MockActivityEnvironment();
      const silent = createServer(() => environment.cancel('WORKER_SHUTDOWN')).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const mailer = createMailer({
        ...DELIVER_CONFIG,
        MAIL_SERVER: '127.0.0.1',
        MAIL_PORT: (silent.address() as AddressInfo).port,
        MAIL_USE_TLS: false,
        MAIL_DEFAULT_SENDER: 'slipway@example.com',
      });
      const { delivery } = await owe('email', { email: 'ann@example.com' }, 'ann@example.com');
      await assert.rejects(
        environment.run(activities({ mailer }).sendEmail, delivery.uuid),
        CancelledFailure,
      );
      assert.equal((await stored(delivery)).attempts, 0);
      silent.close();
    });

    it('asks for another try while the mail server is away', async () => {
      const mailer = createMailer({
        ...DELIVER_CONFIG,
        MAIL_SERVER: '127.0.0.1',
        MAIL_PORT: await freePort(),
        MAIL_USE_TLS: false,
        MAIL_DEFAULT_SENDER: 'slipway@example.com',
      });
      const { delivery } = await owe('email', { email: 'ann@example.com' }, 'ann@example.com');
      const error = await failureOf(runActivity(activities({ mailer }).sendEmail, delivery.uuid));
      assert.equal(error.nonRetryable, false);
      assert.match(error.message, /the mail server did not take the mail: .*ECONNREFUSED/);
    });
  });

  describe('ringBell', () => {
    it('writes the row once', async () => {
      const { delivery, user } = await owe('quay_notification', {});
      assert.equal(await runActivity(activities().ringBell, delivery.uuid), 'delivered');
      assert.equal(await runActivity(activities().ringBell, delivery.uuid), 'gone');
      const rows = await dataSource.manager.findBy(BellNotification, { targetId: user.id });
      assert.deepEqual(
        rows.map(({ kind }) => kind),
        ['repo_push'],
      );
    });
  });
});
