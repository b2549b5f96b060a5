import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import type { DataSource } from 'typeorm';

import type { ActDeps } from '../../../commands/act';
import { runAct, SYSTEM } from '../../../commands/act';
import { ActError } from '../../../commands/act-error';
import {
  completeDelivery,
  giveUpDelivery,
  reasonToSkip,
  recordFailedAttempt,
  ringBell,
} from '../../../commands/notifications/deliveries';
import {
  confirmEmailAuthorization,
  issueConfirmationCode,
  requestEmailAuthorization,
} from '../../../commands/notifications/email-authorization';
import { raiseEvent } from '../../../commands/notifications/raise-event';
import type { NewRule, RuleRepository } from '../../../commands/notifications/rules';
import { createRule, deleteRule, resetRule, testRule } from '../../../commands/notifications/rules';
import {
  AuthorizedEmail,
  BellNotification,
  Delivery,
  NotificationRule,
} from '../../../db/entities/notifications';
import { OutboxRow } from '../../../db/entities/outbox';
import { sharedDatabase } from '../../support/database';
import { buildOrganization, buildRepository, buildTeam, buildUser } from '../../support/factories';

const WEBHOOK: NewRule = {
  event: 'repo_push',
  method: 'webhook',
  config: { url: 'https://example.com/hook' },
  eventConfig: {},
  title: null,
};

describe('notification commands', () => {
  let dataSource: DataSource;
  let deps: ActDeps;

  before(async () => {
    dataSource = await sharedDatabase();
    deps = { dataSource, now: () => Date.now() };
  });

  async function repositoryOfOrganization() {
    const owner = await buildUser(dataSource);
    const { account: organization } = await buildOrganization(dataSource, { owner: owner.account });
    const repository = await buildRepository(dataSource, { namespace: organization });
    const subject: RuleRepository = {
      id: repository.id,
      namespaceId: organization.id,
      namespace: organization.name,
      name: repository.name,
    };
    return { owner: owner.account, organization, subject };
  }

  function raise(subject: RuleRepository, eventId = randomUUID()) {
    return runAct(deps, SYSTEM, (act) =>
      raiseEvent(act, { kind: 'repo_push', repository: subject, payload: { updated_tags: ['v1'] }, eventId }),
    );
  }

  async function refusal(work: Promise<unknown>): Promise<ActError> {
    const error: unknown = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof ActError, `expected a refusal, got ${String(error)}`);
    return error;
  }

  describe('raiseEvent', () => {
    it('owes one delivery per rule that wants the event, each with its outbox row', async () => {
      const { subject } = await repositoryOfOrganization();
      const rule = await createRule(deps, SYSTEM, subject, WEBHOOK);
      await createRule(deps, SYSTEM, subject, { ...WEBHOOK, event: 'build_success' });
      await raise(subject);
      const deliveries = await dataSource.manager.findBy(Delivery, { ruleId: rule.id });
      assert.equal(deliveries.length, 1);
      assert.equal(deliveries[0]?.status, 'pending');
      const row = await dataSource.manager.findOneByOrFail(OutboxRow, { eventId: deliveries[0]?.uuid ?? '' });
      assert.equal(row.kind, 'delivery.created');
    });

    it('names a delivery by event and rule, so the same event cannot be owed twice', async () => {
      const { subject } = await repositoryOfOrganization();
      await createRule(deps, SYSTEM, subject, WEBHOOK);
      const eventId = randomUUID();
      await raise(subject, eventId);
      await assert.rejects(raise(subject, eventId), { code: 'ER_DUP_ENTRY' });
    });

    it('leaves nothing behind when the act fails', async () => {
      const { subject } = await repositoryOfOrganization();
      const rule = await createRule(deps, SYSTEM, subject, WEBHOOK);
      await assert.rejects(
        runAct(deps, SYSTEM, async (act) => {
          await raiseEvent(act, { kind: 'repo_push', repository: subject, payload: {} });
          throw new Error('the push failed');
        }),
        /the push failed/,
      );
      assert.equal(await dataSource.manager.countBy(Delivery, { ruleId: rule.id }), 0);
    });
  });

  describe('createRule', () => {
    it('keeps the config sealed', async () => {
      const { subject } = await repositoryOfOrganization();
      const rule = await createRule(deps, SYSTEM, subject, WEBHOOK);
      const rows: { config: string }[] = await dataSource.query(
        'SELECT config FROM notification_rule WHERE uuid = ?',
        [rule.uuid],
      );
      assert.ok(!rows[0]?.config.includes('example.com'));
    });

    it('says which field of a bad rule is wrong, and why', async () => {
      const { subject } = await repositoryOfOrganization();
      const cases: [Partial<NewRule>, string, RegExp][] = [
        [{ event: 'full_moon' }, 'event', /"full_moon" is not an event/],
        [{ method: 'pigeon' }, 'method', /"pigeon" is not a method/],
        [{ config: {} }, 'config.url', /Missing webhook URL/],
        [{ config: { url: 'telnet://example.com' } }, 'config.url', /Invalid webhook URL/],
        [{ config: { url: 'https://example.com', template: '"${}"' } }, 'config.template', /not legal/],
        [{ method: 'email', config: {} }, 'config.email', /Missing e-mail address/],
        [{ method: 'email', config: { email: 'a@b.example' } }, 'config.email', /not authorized/],
        [{ method: 'quay_notification', config: {} }, 'config.target', /Missing target/],
        [
          { method: 'quay_notification', config: { target: { kind: 'user', name: 'nobody-here' } } },
          'config.target',
          /Unknown user/,
        ],
        [
          { event: 'build_start', eventConfig: { 'ref-regex': '][' } },
          'eventConfig.ref-regex',
          /regular expression/,
        ],
        [{ event: 'vulnerability_found', eventConfig: { level: 9 } }, 'eventConfig.level', /0 \(Critical\)/],
      ];
      for (const [change, field, message] of cases) {
        const error = await refusal(createRule(deps, SYSTEM, subject, { ...WEBHOOK, ...change }));
        assert.equal(error.reason, 'invalid');
        assert.equal(error.field, field);
        assert.match(error.message, message);
      }
      assert.equal(await dataSource.manager.countBy(NotificationRule, { repositoryId: subject.id }), 0);
    });

    it('refuses the organization of another repository as a target', async () => {
      const { subject } = await repositoryOfOrganization();
      const other = await repositoryOfOrganization();
      const config = { target: { kind: 'org', name: other.organization.name } };
      const error = await refusal(
        createRule(deps, SYSTEM, subject, { ...WEBHOOK, method: 'quay_notification', config }),
      );
      assert.match(error.message, /Unknown org/);
    });
  });

  describe('rules of another repository', () => {
    it('can neither be deleted, reset nor tested', async () => {
      const { subject } = await repositoryOfOrganization();
      const other = await repositoryOfOrganization();
      const rule = await createRule(deps, SYSTEM, subject, WEBHOOK);
      for (const act of [deleteRule, resetRule]) {
        assert.match(
          (await refusal(act(deps, SYSTEM, other.subject, rule.uuid))).message,
          /No repository notification found/,
        );
      }
      await refusal(testRule(deps, SYSTEM, other.subject, rule.uuid, {}));
      assert.ok(await dataSource.manager.existsBy(NotificationRule, { id: rule.id }));
    });
  });

  describe('the end of a delivery', () => {
    async function owed() {
      const { subject, ...rest } = await repositoryOfOrganization();
      const rule = await createRule(deps, SYSTEM, subject, WEBHOOK);
      await raise(subject);
      const delivery = await dataSource.manager.findOneByOrFail(Delivery, { ruleId: rule.id });
      return { rule, delivery, subject, ...rest };
    }

    it('counts one failure per delivery given up, keeps the reason, and switches the rule off after three', async () => {
      const { rule, delivery, subject } = await owed();
      await recordFailedAttempt(deps, delivery.uuid, { error: 'answered 500', responseStatus: 500 });
      await giveUpDelivery(deps, delivery.uuid, 'answered 500 for a day');
      await giveUpDelivery(deps, delivery.uuid, 'a repeat of the same call');
      let stored = await dataSource.manager.findOneByOrFail(NotificationRule, { id: rule.id });
      assert.equal(stored.numberOfFailures, 1);
      assert.equal(stored.lastError, 'answered 500 for a day');
      assert.equal(reasonToSkip(stored), undefined);
      await dataSource.manager.update(NotificationRule, rule.id, { numberOfFailures: 3 });
      stored = await dataSource.manager.findOneByOrFail(NotificationRule, { id: rule.id });
      assert.match(reasonToSkip(stored) ?? '', /switched off after 3/);
      await resetRule(deps, SYSTEM, subject, rule.uuid);
      stored = await dataSource.manager.findOneByOrFail(NotificationRule, { id: rule.id });
      assert.equal(reasonToSkip(stored), undefined);
    });

    it('tells the last error and the number of tries when the time ran out', async () => {
      const { rule, delivery } = await owed();
      await recordFailedAttempt(deps, delivery.uuid, {
        error: 'the receiver answered 500',
        responseStatus: 500,
      });
      await giveUpDelivery(deps, delivery.uuid, null);
      const stored = await dataSource.manager.findOneByOrFail(NotificationRule, { id: rule.id });
      assert.equal(stored.lastError, 'gave up after 1 tries: the receiver answered 500');
    });

    it('clears the failures of the rule when a message arrives, and a late failure changes nothing', async () => {
      const { rule, delivery } = await owed();
      await dataSource.manager.update(NotificationRule, rule.id, { numberOfFailures: 2, lastError: 'x' });
      await completeDelivery(deps, delivery.uuid, 204);
      await giveUpDelivery(deps, delivery.uuid, 'too late');
      const stored = await dataSource.manager.findOneByOrFail(NotificationRule, { id: rule.id });
      assert.equal(stored.numberOfFailures, 0);
      assert.equal(stored.lastError, null);
      const ended = await dataSource.manager.findOneByOrFail(Delivery, { id: delivery.id });
      assert.equal(ended.status, 'delivered');
      assert.equal(ended.responseStatus, 204);
    });

    it('writes one row behind the bell of every member of a team, however often it is repeated', async () => {
      const { delivery, organization } = await owed();
      const members = [await buildUser(dataSource), await buildUser(dataSource)].map((user) => user.account);
      const team = await buildTeam(dataSource, { organization, members });
      assert.equal(await ringBell(deps, delivery.uuid, { kind: 'team', name: 'no-such-team' }), 0);
      assert.equal(await ringBell(deps, delivery.uuid, { kind: 'team', name: team.name }), 2);
      assert.equal(await ringBell(deps, delivery.uuid, { kind: 'team', name: team.name }), undefined);
      assert.equal(await dataSource.manager.countBy(BellNotification, { deliveryUuid: delivery.uuid }), 2);
    });
  });

  describe('e-mail authorisation', () => {
    it('mails a code that works once', async () => {
      const { subject } = await repositoryOfOrganization();
      const row = await requestEmailAuthorization(deps, SYSTEM, subject, 'Ann@Example.com');
      assert.equal(row.email, 'ann@example.com');
      const issued = await issueConfirmationCode(deps, row.id);
      assert.equal(issued?.repository, `${subject.namespace}/${subject.name}`);
      assert.equal(await confirmEmailAuthorization(deps, SYSTEM, issued?.code ?? ''), 'ann@example.com');
      assert.match(
        (await refusal(confirmEmailAuthorization(deps, SYSTEM, issued?.code ?? ''))).message,
        /was used/,
      );
      const config = { email: 'ann@example.com' };
      assert.ok((await createRule(deps, SYSTEM, subject, { ...WEBHOOK, method: 'email', config })).uuid);
    });

    it('makes older codes useless, and lets codes expire', async () => {
      const { subject } = await repositoryOfOrganization();
      const row = await requestEmailAuthorization(deps, SYSTEM, subject, 'bob@example.com');
      const first = await issueConfirmationCode(deps, row.id);
      const second = await issueConfirmationCode(deps, row.id);
      await refusal(confirmEmailAuthorization(deps, SYSTEM, first?.code ?? ''));
      const later = { ...deps, now: () => Date.now() + 8 * 86_400_000 };
      await refusal(confirmEmailAuthorization(later, SYSTEM, second?.code ?? ''));
      const stored = await dataSource.manager.findOneByOrFail(AuthorizedEmail, { id: row.id });
      assert.equal(stored.confirmed, false);
    });

    it('owes a mail on every request until the address is confirmed, then none', async () => {
      const { subject } = await repositoryOfOrganization();
      const row = await requestEmailAuthorization(deps, SYSTEM, subject, 'eve@example.com');
      await requestEmailAuthorization(deps, SYSTEM, subject, 'eve@example.com');
      const count = async () =>
        (await dataSource.manager.findBy(Delivery, { event: 'confirm_email' })).filter(
          (delivery) => delivery.payload.authorized_email_id === row.id,
        ).length;
      assert.equal(await count(), 2);
      const issued = await issueConfirmationCode(deps, row.id);
      await confirmEmailAuthorization(deps, SYSTEM, issued?.code ?? '');
      await requestEmailAuthorization(deps, SYSTEM, subject, 'eve@example.com');
      assert.equal(await count(), 2);
    });

    it('refuses what is no address', async () => {
      const { subject } = await repositoryOfOrganization();
      const error = await refusal(requestEmailAuthorization(deps, SYSTEM, subject, 'not an address'));
      assert.equal(error.field, 'email');
    });
  });
});
