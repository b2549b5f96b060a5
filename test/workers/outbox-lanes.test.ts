import assert from 'node:assert/strict';

import type { DataSource } from 'typeorm';
import { IsNull } from 'typeorm';

import { OutboxRow } from '../../db/entities/outbox';
import { outboxState } from '../../db/stores/outbox';
import { claimRuns } from '../../db/stores/outbox-claims';
import { freshDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { Gate } from '../support/gate';
import { DeliveryRecorder, commitEvent, commitMany, withRelay } from '../support/outbox';

describe('OutboxRelay with several rows of a key', function () {
  this.timeout(60_000);
  let dataSource: DataSource;

  before(async () => {
    dataSource = await freshDatabase();
  });
  after(() => dataSource.destroy());
  beforeEach(() => dataSource.manager.deleteAll(OutboxRow));

  function rowOf(eventId: string): Promise<OutboxRow> {
    return dataSource.manager.findOneByOrFail(OutboxRow, { eventId });
  }

  async function assertDrained(): Promise<void> {
    assert.equal((await outboxState(dataSource)).waiting, 0);
  }

  it('holds up nobody for a slow row, and keeps the order behind it', async () => {
    const recorder = new DeliveryRecorder();
    const gate = new Gate();
    const slow = await commitEvent(dataSource, 'a');
    const behind = await commitEvent(dataSource, 'a');
    await withRelay(
      dataSource,
      async (row) => {
        if (row.eventId === slow) await gate.opened;
        await recorder.deliver(row);
      },
      async () => {
        for (let n = 0; n < 3; n += 1) {
          const other = await commitEvent(dataSource, `b${n}`);
          await eventually(async () => assert.ok((await rowOf(other)).deliveredAtMs));
        }
        assert.deepEqual(recorder.of('a'), []);
        gate.open();
        await eventually(assertDrained);
      },
    );
    assert.deepEqual(recorder.of('a'), [slow, behind]);
  });

  it('lets a lone event pass a key with a long backlog', async () => {
    await commitMany(dataSource, 3000, () => 'a');
    const lone = await commitEvent(dataSource, 'b');
    const recorder = new DeliveryRecorder();
    await withRelay(dataSource, recorder.deliver, () =>
      eventually(async () => assert.ok((await rowOf(lone)).deliveredAtMs), 15_000, 5),
    );
    assert.ok(recorder.of('a').length < 1000, `${recorder.of('a').length} went before it`);
  });

  it('goes on with a long key behind a dead claim in the order of its commits', async () => {
    const events = await commitMany(dataSource, 120, () => 'a');
    const nowMs = Date.now();
    const { runs } = await claimRuns(dataSource, {
      nowMs,
      afterKey: '',
      maxRuns: 1,
      maxRows: 50,
      claimMs: 300,
    });
    assert.deepEqual(
      runs.flat().map((row) => row.eventId),
      events.slice(0, 50),
    );
    const none = await claimRuns(dataSource, { nowMs, afterKey: '', maxRuns: 1, maxRows: 50, claimMs: 300 });
    assert.deepEqual(none.runs, []);
    const recorder = new DeliveryRecorder();
    await withRelay(dataSource, recorder.deliver, () => eventually(assertDrained));
    assert.deepEqual(recorder.of('a'), events);
  });

  it("tells Temporal nothing under a claim that has run out, and leaves what is another relay's", async () => {
    const events = await commitMany(dataSource, 3, () => 'a');
    let nowMs = Date.now() + 1000;
    const told: string[] = [];
    const underWay = new Gate();
    const gate = new Gate();
    await withRelay(
      dataSource,
      async (row) => {
        told.push(row.eventId);
        underWay.open();
        await gate.opened;
      },
      async (relay) => {
        await underWay.opened;
        // As if the process had been frozen: another relay takes over.
        nowMs += 60_000;
        const claim = { nowMs, afterKey: '', maxRuns: 1, maxRows: 50, claimMs: 60_000 };
        assert.equal((await claimRuns(dataSource, claim)).runs.flat().length, 3);
        gate.open();
        await eventually(async () => assert.ok((await rowOf(events[0] ?? '')).deliveredAtMs));
        relay.stop();
      },
      // One lane, so that it does not take the claim over itself.
      { now: () => nowMs, lanes: 1 },
    );
    assert.deepEqual(told, events.slice(0, 1));
    assert.equal((await rowOf(events[1] ?? '')).claimedUntilMs, nowMs + 60_000);
  });

  it('gives back on a stop what it had claimed and not begun', async () => {
    const events = await commitMany(dataSource, 10, () => 'a');
    const recorder = new DeliveryRecorder();
    const gate = new Gate();
    await withRelay(
      dataSource,
      async (row) => {
        await recorder.deliver(row);
        if (recorder.count === 3) gate.open();
      },
      async (relay) => {
        await gate.opened;
        relay.stop();
      },
    );
    assert.deepEqual(recorder.of('a'), events.slice(0, 3));
    const left = await dataSource.manager.find(OutboxRow, { where: { deliveredAtMs: IsNull() } });
    assert.deepEqual(
      left.map((row) => row.claimedUntilMs),
      Array.from({ length: 7 }, () => null),
    );
  });

  it('marks in the second try what the database could not take in the first', async () => {
    const recorder = new DeliveryRecorder();
    const event = await commitEvent(dataSource, 'a');
    let failures = 0;
    const manager = Object.create(dataSource.manager, {
      update: {
        value: (...args: Parameters<typeof dataSource.manager.update>) => {
          if (failures > 0) return dataSource.manager.update(...args);
          failures += 1;
          return Promise.reject(new Error('connect ECONNREFUSED'));
        },
      },
    }) as DataSource['manager'];
    const flaky = Object.create(dataSource, { manager: { value: manager } }) as DataSource;
    await withRelay(flaky, recorder.deliver, () =>
      eventually(async () => assert.ok((await rowOf(event)).deliveredAtMs)),
    );
    assert.equal(failures, 1);
    assert.deepEqual(recorder.of('a'), [event]);
  });
});
