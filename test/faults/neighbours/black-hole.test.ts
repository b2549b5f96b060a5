import assert from 'node:assert/strict';

import { IsNull } from 'typeorm';

import { Delivery, NotificationRule } from '../../../db/entities/notifications';
import { dockerIsMissing } from '../../support/docker';
import { eventually } from '../../support/eventually';
import { uniqueName } from '../../support/factories';
import type { Person, Product } from '../../support/product';
import { product } from '../../support/product';
import { startReceiver } from '../../support/receiver';
import { startRawServer } from '../../support/raw-server';

/** Of one receiver that has not proven prompt. */
const CALLS_AT_ONCE = 4;
/** Nine in ten are told to wait. */
const DEAD_DELIVERIES = 10 * CALLS_AT_ONCE;
/** Generous, for machines with other things to do; a delivery behind ten calls that hang would take 100 s. */
const SOON_MS = 10_000;

interface RuleAnswer {
  uuid: string;
  number_of_failures: number;
  last_error: string | null;
}

describe('a webhook receiver that swallows everything', function () {
  this.timeout(120_000);
  let made: Product;
  let owner: Person;
  let repository: string;

  before(async function () {
    // The product's build worker does not start without an engine.
    if (dockerIsMissing()) this.skip();
    made = await product();
    owner = await made.person();
    repository = `${owner.name}/${uniqueName('app')}`;
    const [namespace, name] = repository.split('/');
    const creation = { namespace, repository: name, visibility: 'private', description: '' };
    assert.equal((await owner.call('POST', '/repository', creation)).status, 201);
  });

  async function addRule(url: string): Promise<string> {
    const rule = { event: 'repo_push', method: 'webhook', config: { url }, eventConfig: {} };
    const path = `/repository/${repository}/notification/`;
    const { status, body } = await owner.call<RuleAnswer>('POST', path, rule);
    assert.equal(status, 201, JSON.stringify(body));
    return body.uuid;
  }

  const pathOf = (rule: string) => `/repository/${repository}/notification/${rule}`;
  const show = async (rule: string) => (await owner.call<RuleAnswer>('GET', pathOf(rule))).body;

  async function deliver(rule: string): Promise<void> {
    assert.equal((await owner.call('POST', `${pathOf(rule)}/test`)).status, 200);
  }

  /** Of this rule's deliveries, those that nobody has tried or told to wait. */
  async function countUntouched(rule: string): Promise<number> {
    const { manager } = made.dataSource;
    const { id } = await manager.findOneByOrFail(NotificationRule, { uuid: rule });
    return manager.countBy(Delivery, { ruleId: id, lastError: IsNull() });
  }

  it('keeps no other receiver of its repository waiting, and its rule shows why', async () => {
    let most = 0;
    const hole = await startRawServer((socket) => {
      most = Math.max(most, hole.open);
      socket.resume();
    });
    const healthy = await startReceiver();
    const dead = await addRule(`http://127.0.0.1:${hole.port}/`);
    try {
      const alive = await addRule(healthy.url);
      await Promise.all(Array.from({ length: DEAD_DELIVERIES }, () => deliver(dead)));
      // Behind the whole backlog, while the first calls hang.
      for (let n = 1; n <= 3; n += 1) {
        await deliver(alive);
        await eventually(() => assert.equal(healthy.received.length, n), SOON_MS);
      }
      assert.equal((await show(alive)).last_error, null);
      const early = await eventually(
        async () => (await show(dead)).last_error ?? assert.fail('it shows nothing'),
      );
      assert.match(early, /has as many calls at once as it may|did not answer/);

      await eventually(async () => assert.equal(await countUntouched(dead), 0), 30_000);
      const shown = await eventually(async () => {
        const rule = await show(dead);
        assert.match(rule.last_error ?? '', /did not answer/);
        return rule;
      }, 30_000);
      assert.equal(shown.number_of_failures, 0, 'it is still tried');
      await eventually(() => assert.ok(hole.open <= 1, `${hole.open} calls hang at once`), 20_000);
      assert.ok(most <= CALLS_AT_ONCE, `${most} calls hung at once`);
      await deliver(alive);
      await eventually(() => assert.equal(healthy.received.length, 4), SOON_MS);
    } finally {
      await owner.call('DELETE', pathOf(dead));
      await Promise.all([hole.close(), healthy.close()]);
    }
  });
});
