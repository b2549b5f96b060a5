import assert from 'node:assert/strict';

import { ApplicationFailure } from '@temporalio/common';

import type { Orphan, OrphanActivities } from '../../activities/maintain/orphans';
import { reapOrphans } from '../../workflows/reap-orphans';
import { QUEUES } from '../../workflows/shared/queues';
import { recordHistory } from '../support/replay';
import { queueName, runWithWorker } from '../support/temporal';

const ORPHANS: Orphan[] = ['one', 'two', 'three'].map((id) => ({
  kind: 'build',
  id,
  namespace: 'acme',
  reason: 'its workflow was terminated',
}));

describe('reapOrphans', function () {
  this.timeout(60_000);

  /** Runs the workflow over these activities, and keeps its history as `scenario`. */
  function reap(scenario: string, activities: OrphanActivities) {
    const taskQueue = queueName('reap');
    return runWithWorker({ taskQueue, queues: { [QUEUES.maintenance]: activities } }, async ({ client }) => {
      const handle = await client.workflow.start(reapOrphans, {
        workflowId: taskQueue,
        taskQueue,
        args: [{ timings: { retryInitialMs: 5 } }],
      });
      const report = await handle.result();
      await recordHistory(handle, `reap-orphans.${scenario}`);
      return report;
    });
  }

  it('settles every orphan', async () => {
    const settled: string[] = [];
    const report = await reap('settled', {
      findOrphans: () => Promise.resolve(ORPHANS),
      settleOrphan: ({ id }) => Promise.resolve(void settled.push(id)),
    });
    assert.deepEqual(report, { settled: 3, failed: 0 });
    assert.deepEqual(settled, ['one', 'two', 'three']);
  });

  it('ends at once when there is nothing to settle', async () => {
    const report = await reap('nothing', {
      findOrphans: () => Promise.resolve([]),
      settleOrphan: () => Promise.reject(new Error('nothing to settle')),
    });
    assert.deepEqual(report, { settled: 0, failed: 0 });
  });

  it('goes on with the others when one cannot be settled', async () => {
    const settled: string[] = [];
    const report = await reap('one-fails', {
      findOrphans: () => Promise.resolve(ORPHANS),
      settleOrphan: ({ id }) => {
        if (id === 'two') throw ApplicationFailure.retryable('the database is away', 'Unavailable');
        settled.push(id);
        return Promise.resolve();
      },
    });
    assert.deepEqual(report, { settled: 2, failed: 1 });
    assert.deepEqual(settled, ['one', 'three']);
  });
});
