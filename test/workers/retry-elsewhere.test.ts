import assert from 'node:assert/strict';

import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { ActivityCancellationDetails } from '@temporalio/common/lib/activity-cancellation-details';
import { MockActivityEnvironment } from '@temporalio/testing';

import { retryElsewhere } from '../../workers/retry-elsewhere';

describe('an activity whose worker shuts down', () => {
  const environment = () => new MockActivityEnvironment(undefined, { interceptors: [retryElsewhere] });
  const shutDown = (env: MockActivityEnvironment) =>
    env.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));

  it('is repeated at once by another worker', async () => {
    const env = environment();
    const run = env.run(() => Context.current().cancelled);
    shutDown(env);
    await assert.rejects(
      run,
      (error) =>
        error instanceof ApplicationFailure &&
        error.type === 'WorkerShutdown' &&
        !error.nonRetryable &&
        error.nextRetryDelay === 1,
    );
  });

  it('keeps its own failure, and its result', async () => {
    const env = environment();
    shutDown(env);
    await assert.rejects(
      env.run(() => Promise.reject(ApplicationFailure.nonRetryable('no such layer', 'Gone'))),
      {
        type: 'Gone',
      },
    );
    assert.equal(await env.run(() => Promise.resolve('done')), 'done');
  });

  it('is repeated as its policy says when it runs beside its workflow, which goes elsewhere itself', async () => {
    const env = new MockActivityEnvironment({ isLocal: true }, { interceptors: [retryElsewhere] });
    const run = env.run(() => Context.current().cancelled);
    shutDown(env);
    await assert.rejects(run, CancelledFailure);
  });

  it('is not repeated when its workflow cancelled it', async () => {
    const env = environment();
    const run = env.run(() => Context.current().cancelled);
    env.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true }));
    await assert.rejects(run, CancelledFailure);
  });
});
