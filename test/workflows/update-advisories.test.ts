import assert from 'node:assert/strict';

import type { SourceRefresh } from '../../activities/scan/advisory-refresher';
import { QUEUES } from '../../workflows/shared/queues';
import { updateAdvisories } from '../../workflows/update-advisories';
import { recordHistory } from '../support/replay';
import { queueName, runWithWorker } from '../support/temporal';

describe('updateAdvisories', function () {
  this.timeout(60_000);

  function update(scenario: string, refreshAdvisories: () => Promise<SourceRefresh[]>) {
    const taskQueue = queueName('advisories');
    return runWithWorker(
      { taskQueue, queues: { [QUEUES.scan]: { refreshAdvisories } } },
      async ({ client }) => {
        const handle = await client.workflow.start(updateAdvisories, {
          workflowId: taskQueue,
          taskQueue,
          args: [{ timings: { scanRetryInitialMs: 20 } }],
        });
        const refreshed = await handle.result();
        await recordHistory(handle, `update-advisories.${scenario}`);
        return refreshed;
      },
    );
  }

  it('answers what changed', async () => {
    const loaded: SourceRefresh[] = [{ source: 'osv/PyPI', outcome: 'loaded', advisoryCount: 3 }];
    assert.deepEqual(await update('loaded', () => Promise.resolve(loaded)), loaded);
  });

  it('tries again when the database is away', async () => {
    let tries = 0;
    const refresh = () => {
      tries += 1;
      return tries < 3 ? Promise.reject(new Error('the database is away')) : Promise.resolve([]);
    };
    assert.deepEqual(await update('retried', refresh), []);
    assert.equal(tries, 3);
  });
});
