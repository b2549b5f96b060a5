import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import type { DataSource } from 'typeorm';

import { createPurgeActivities } from '../../activities/maintain/purge-outbox';
import { OutboxRow } from '../../db/entities/outbox';
import { purgeOutbox } from '../../workflows/purge-outbox';
import { QUEUES } from '../../workflows/shared/queues';
import { freshDatabase } from '../support/database';
import { deliveryEvent } from '../support/outbox';
import { recordHistory } from '../support/replay';
import { queueName, runWithWorker } from '../support/temporal';

const DAY_MS = 86_400_000;

describe('purgeOutbox', function () {
  this.timeout(60_000);
  let dataSource: DataSource;

  before(async () => {
    dataSource = await freshDatabase();
  });
  after(() => dataSource.destroy());

  it('deletes what was delivered a day ago, however much, and nothing else', async () => {
    const now = Date.now();
    const row = (columns: Partial<Pick<OutboxRow, 'parkedAtMs' | 'deliveredAtMs'>>) => ({
      ...deliveryEvent('x'),
      eventId: randomUUID(),
      orderingKey: 'a',
      createdAtMs: 1,
      availableAtMs: 1,
      ...columns,
    });
    const kept = [row({}), row({ parkedAtMs: 1 }), row({ deliveredAtMs: now - DAY_MS / 2 })];
    const old = Array.from({ length: 2300 }, () => row({ deliveredAtMs: now - 2 * DAY_MS }));
    await dataSource.manager.insert(OutboxRow, [...kept, ...old]);

    const taskQueue = queueName('purge');
    const activities = createPurgeActivities({ dataSource, now: () => now });
    const purged = await runWithWorker(
      { taskQueue, queues: { [QUEUES.maintenance]: activities } },
      async ({ client }) => {
        const handle = await client.workflow.start(purgeOutbox, {
          workflowId: taskQueue,
          taskQueue,
          args: [{}],
        });
        const result = await handle.result();
        await recordHistory(handle, 'purge-outbox.success');
        return result;
      },
    );
    assert.equal(purged, old.length);
    const rest = await dataSource.manager.find(OutboxRow, { order: { id: 'ASC' } });
    assert.deepEqual(
      rest.map((one) => one.eventId),
      kept.map((one) => one.eventId),
    );
  });
});
