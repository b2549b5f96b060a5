import assert from 'node:assert/strict';

import { sweepStorage } from '../../workflows/sweep-storage';
import { QUEUES } from '../../workflows/shared/queues';
import { recordHistory } from '../support/replay';
import { queueName, runWithWorker } from '../support/temporal';

describe('sweepStorage', function () {
  this.timeout(60_000);

  it('goes through storage again when that did not answer', async () => {
    let tries = 0;
    const hosted = {
      sweepStorage: () => {
        tries += 1;
        return tries === 1 ? Promise.reject(new Error('storage is away')) : Promise.resolve(3);
      },
    };
    const taskQueue = queueName('sweep');
    await runWithWorker({ taskQueue, queues: { [QUEUES.maintenance]: hosted } }, async ({ client }) => {
      const handle = await client.workflow.start(sweepStorage, {
        workflowId: taskQueue,
        taskQueue,
        args: [{ timings: { retryInitialMs: 5 } }],
      });
      assert.deepEqual(await handle.result(), { files: 3 });
      await recordHistory(handle, 'sweep-storage.retry');
    });
  });
});
