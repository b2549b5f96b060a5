import assert from 'node:assert/strict';

import { ServiceError } from '@temporalio/client';
import type { DataSource } from 'typeorm';

import { SYSTEM, enqueue, runAct } from '../../commands/act';
import { Account } from '../../db/entities/accounts';
import { OutboxRow } from '../../db/entities/outbox';
import { outboxState } from '../../db/stores/outbox';
import { claimRuns } from '../../db/stores/outbox-claims';
import { freshDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { buildUser } from '../support/factories';
import { Gate } from '../support/gate';
import { DeliveryRecorder, commitEvent, commitMany, deliveryEvent, withRelay } from '../support/outbox';

// gRPC status codes.
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const UNAVAILABLE = 14;

describe('OutboxRelay', function () {
  this.timeout(60_000);
  let dataSource: DataSource;

  before(async () => {
    dataSource = await freshDatabase(30);
  });
  after(() => dataSource.destroy());
  beforeEach(() => dataSource.manager.deleteAll(OutboxRow));

  function grpcError(code: number): ServiceError {
    const cause = Object.assign(new Error('no answer'), { code, details: 'no answer', metadata: {} });
    return new ServiceError('the call failed', { cause });
  }

  function rowOf(eventId: string): Promise<OutboxRow> {
    return dataSource.manager.findOneByOrFail(OutboxRow, { eventId });
  }

  async function assertDrained(): Promise<void> {
    assert.equal((await outboxState(dataSource)).waiting, 0);
  }

  it('two of them lose nothing, double nothing and keep the commit order per key while writers write', async () => {
    const keys = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async () => (await buildUser(dataSource)).account.id),
    );
    const committed = new Map(keys.map((id) => [`repository:${id}`, [] as string[]]));
    const recorder = new DeliveryRecorder();
    let slowestWriteMs = 0;

    /** Locks the key's row first, as every act does whose order matters. */
    async function write(id: number, rollBack: boolean): Promise<void> {
      const started = Date.now();
      const orderingKey = `repository:${id}`;
      const act = runAct({ dataSource, now: Date.now }, SYSTEM, async (act) => {
        await act.manager.findOneOrFail(Account, { where: { id }, lock: { mode: 'pessimistic_write' } });
        const eventId = crypto.randomUUID();
        await enqueue(act, { ...deliveryEvent(eventId), orderingKey, eventId });
        if (rollBack) throw new Error('rolled back');
        committed.get(orderingKey)?.push(eventId);
      });
      await (rollBack ? assert.rejects(act, /rolled back/) : act);
      slowestWriteMs = Math.max(slowestWriteMs, Date.now() - started);
    }

    async function writer(number: number): Promise<void> {
      for (let n = 0; n < 40; n += 1) await write(keys[(number + n) % keys.length] ?? 0, n % 10 === 9);
    }

    await withRelay(dataSource, recorder.deliver, () =>
      withRelay(dataSource, recorder.deliver, async () => {
        await Promise.all([0, 1, 2, 3, 4, 5].map(writer));
        await eventually(assertDrained);
      }),
    );
    for (const [key, events] of committed) assert.deepEqual(recorder.of(key), events);
    assert.equal(recorder.count, 6 * 36);
    // Under REPEATABLE READ a writer waits here until its lock wait runs out.
    assert.ok(slowestWriteMs < 3000, `a writer waited ${slowestWriteMs} ms`);
  });

  it('blocks neither writers nor other relays while a claim is open', async () => {
    const first = await commitEvent(dataSource, 'a');
    const gate = new Gate();
    const claimed = new Gate();
    const held = Object.create(dataSource, {
      transaction: {
        value: (level: 'READ COMMITTED', work: (manager: unknown) => Promise<unknown>) =>
          dataSource.transaction(level, async (manager) => {
            const rows = await work(manager);
            claimed.open();
            await gate.opened;
            return rows;
          }),
      },
    }) as DataSource;
    const claim = { nowMs: Date.now(), afterKey: '', maxRuns: 50, maxRows: 50, claimMs: 60_000 };
    const claiming = claimRuns(held, claim);
    try {
      await claimed.opened;
      const second = await commitEvent(dataSource, 'b');
      await commitEvent(dataSource, 'a');
      const others = await claimRuns(dataSource, { ...claim, nowMs: Date.now() });
      assert.deepEqual(
        others.runs.flat().map((row) => row.eventId),
        [second],
      );
    } finally {
      gate.open();
    }
    assert.deepEqual(
      (await claiming).runs.flat().map((row) => row.eventId),
      [first],
    );
  });

  it('never relays what was rolled back', async () => {
    const recorder = new DeliveryRecorder();
    await withRelay(dataSource, recorder.deliver, async () => {
      await assert.rejects(
        runAct({ dataSource, now: Date.now }, SYSTEM, async (act) => {
          await enqueue(act, { ...deliveryEvent('never'), orderingKey: 'a' });
          throw new Error('rolled back');
        }),
      );
      const event = await commitEvent(dataSource, 'a');
      await eventually(() => assert.deepEqual(recorder.of('a'), [event]));
    });
    assert.equal(recorder.count, 1);
  });

  it('keeps everything in order over an outage and counts none of it as a refusal', async () => {
    const recorder = new DeliveryRecorder();
    let isUp = false;
    let refusals = 0;
    const events: string[] = [];
    for (let n = 0; n < 5; n += 1) events.push(await commitEvent(dataSource, 'a'));
    const other = await commitEvent(dataSource, 'b');
    await withRelay(
      dataSource,
      (row) => {
        if (isUp) return recorder.deliver(row);
        refusals += 1;
        return Promise.reject(grpcError(UNAVAILABLE));
      },
      async (relay) => {
        await eventually(() => assert.ok(refusals > 5 && !relay.isConnected));
        const row = await rowOf(events[0] ?? '');
        assert.deepEqual([row.attempts, row.parkedAtMs], [0, null]);
        isUp = true;
        await eventually(assertDrained);
        assert.ok(relay.isConnected);
      },
      { maxRefusals: 2, maxOutageMs: 20 },
    );
    assert.deepEqual(recorder.of('a'), events);
    assert.deepEqual(recorder.of('b'), [other]);
  });

  it('tells Temporal again, under the same event id, when the answer was lost', async () => {
    const told: string[] = [];
    const events = [await commitEvent(dataSource, 'a'), await commitEvent(dataSource, 'a')];
    await withRelay(
      dataSource,
      (row) => {
        told.push(row.eventId);
        return told.length === 1 ? Promise.reject(grpcError(DEADLINE_EXCEEDED)) : Promise.resolve();
      },
      () => eventually(assertDrained),
    );
    assert.deepEqual(told, [events[0], events[0], events[1]]);
  });

  it('parks what Temporal refuses too often, says why, and goes on with the key', async () => {
    const recorder = new DeliveryRecorder();
    const bad = await commitEvent(dataSource, 'a');
    const good = await commitEvent(dataSource, 'a');
    let refusals = 0;
    await withRelay(
      dataSource,
      (row) => {
        if (row.eventId !== bad) return recorder.deliver(row);
        refusals += 1;
        return Promise.reject(grpcError(INVALID_ARGUMENT));
      },
      () => eventually(assertDrained),
      { refusalMs: 1, maxRefusalMs: 2 },
    );
    assert.equal(refusals, 20);
    assert.deepEqual(recorder.of('a'), [good]);
    const row = await rowOf(bad);
    assert.equal(row.lastError, 'the call failed: no answer');
    assert.ok(row.parkedAtMs !== null && row.deliveredAtMs === null);
    assert.deepEqual(await outboxState(dataSource), { waiting: 0, parked: 1, oldestWaitingMs: null });
  });

  it('parks what it cannot read, says why, and carries everything else', async () => {
    const before = await commitEvent(dataSource, 'repository:1');
    const broken = await commitEvent(dataSource, 'repository:1');
    const after = await commitEvent(dataSource, 'repository:1');
    const other = await commitEvent(dataSource, 'repository:2');
    await dataSource.query(`UPDATE outbox SET payload = '{"deliveryId": ' WHERE event_id = ?`, [broken]);
    const recorder = new DeliveryRecorder();
    await withRelay(dataSource, recorder.deliver, () => eventually(assertDrained));
    assert.deepEqual(recorder.of('repository:1'), [before, after]);
    assert.deepEqual(recorder.of('repository:2'), [other]);
    assert.equal((await outboxState(dataSource)).parked, 1);
    const [row] = await dataSource.query<{ last_error: string }[]>(
      'SELECT last_error FROM outbox WHERE event_id = ?',
      [broken],
    );
    assert.match(row?.last_error ?? '', /the payload cannot be read: SyntaxError/);
  });

  it('pauses longer after each refusal and lets other keys pass', async () => {
    let nowMs = Date.now() + 1000;
    const attemptsAtMs: number[] = [];
    const recorder = new DeliveryRecorder();
    const bad = await commitEvent(dataSource, 'a');
    await withRelay(
      dataSource,
      (row) => {
        if (row.eventId !== bad) return recorder.deliver(row);
        attemptsAtMs.push(nowMs);
        return Promise.reject(new Error('payload is not understood'));
      },
      async () => {
        for (const [attempts, pauseMs] of [
          [1, 1000],
          [2, 2000],
          [3, 3000],
          [4, 3000],
        ] as const) {
          await eventually(async () => assert.equal((await rowOf(bad)).attempts, attempts));
          const other = await commitEvent(dataSource, 'b');
          await eventually(() => assert.equal(recorder.of('b').at(-1), other));
          assert.equal(attemptsAtMs.length, attempts);
          nowMs += pauseMs;
        }
      },
      { now: () => nowMs, maxRefusalMs: 3000 },
    );
  });

  it('takes over what a dead relay had claimed, once its claim ran out', async () => {
    const recorder = new DeliveryRecorder();
    const event = await commitEvent(dataSource, 'a');
    let nowMs = Date.now();
    await claimRuns(dataSource, { nowMs, afterKey: '', maxRuns: 10, maxRows: 10, claimMs: 20_000 });
    await withRelay(
      dataSource,
      recorder.deliver,
      async () => {
        const other = await commitEvent(dataSource, 'b');
        await eventually(() => assert.deepEqual(recorder.of('b'), [other]));
        assert.deepEqual(recorder.of('a'), []);
        nowMs += 20_001;
        await eventually(() => assert.deepEqual(recorder.of('a'), [event]));
      },
      { now: () => nowMs + 1000 },
    );
  });

  it('finishes what is on its way before it stops', async () => {
    const gate = new Gate();
    const underWay = new Gate();
    const event = await commitEvent(dataSource, 'a');
    let stopped: Promise<void> | undefined;
    await withRelay(
      dataSource,
      async () => {
        underWay.open();
        await gate.opened;
      },
      async (relay) => {
        await underWay.opened;
        relay.stop();
        stopped = rowOf(event).then((row) => assert.equal(row.deliveredAtMs, null));
        await stopped;
        gate.open();
      },
    );
    assert.ok((await rowOf(event)).deliveredAtMs);
  });

  it('outlives the database', async () => {
    const recorder = new DeliveryRecorder();
    let isBroken = true;
    const flaky = Object.create(dataSource, {
      transaction: {
        value: (...args: Parameters<DataSource['transaction']>) => {
          if (!isBroken) return dataSource.transaction(...args);
          isBroken = false;
          return Promise.reject(new Error('connect ECONNREFUSED'));
        },
      },
    }) as DataSource;
    const event = await commitEvent(dataSource, 'a');
    await withRelay(flaky, recorder.deliver, () =>
      eventually(() => assert.deepEqual(recorder.of('a'), [event])),
    );
  });

  it('drains 1,000 rows of many keys and of one key at 100 rows a second and more', async () => {
    for (const keys of [200, 1]) {
      await commitMany(dataSource, 1000, (n) => `k${n % keys}`);
      const recorder = new DeliveryRecorder();
      const started = Date.now();
      await withRelay(dataSource, recorder.deliver, () => eventually(assertDrained, 30_000, 20));
      const rate = 1000 / ((Date.now() - started) / 1000);
      assert.equal(recorder.count, 1000);
      assert.ok(rate >= 100, `${Math.round(rate)} rows/s over ${keys} key(s)`);
      await dataSource.manager.deleteAll(OutboxRow);
    }
  });
});
