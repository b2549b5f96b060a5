import assert from 'node:assert/strict';

import { Context, heartbeat } from '@temporalio/activity';
import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';

import { buildImage } from '../../workflows/build-image';
import { BUILD_HANDED_OVER, BUILD_USER_ERROR } from '../../workflows/shared/failure-types';
import { QUEUES } from '../../workflows/shared/queues';
import { eventually } from '../support/eventually';
import { buildInput, FakeBuilds } from '../support/fake-builds';
import { Gate } from '../support/gate';
import { recordHistory } from '../support/replay';
import { queueName, runWithWorker, temporal } from '../support/temporal';

type Handle = WorkflowHandleWithFirstExecutionRunId<typeof buildImage>;

describe('buildImage', function () {
  this.timeout(60_000);

  /** Runs one build over these activities, does `meanwhile` to it, and keeps its history as `scenario`. */
  async function run(scenario: string, fake: FakeBuilds, meanwhile?: (handle: Handle) => Promise<unknown>) {
    const taskQueue = queueName('build-image');
    const { client } = await temporal();
    return runWithWorker(
      { taskQueue, activities: fake.activities, queues: fake.queues(client) },
      async () => {
        const input = buildInput();
        const handle = await client.workflow.start(buildImage, {
          workflowId: `build:${input.buildId}`,
          taskQueue,
          args: [input],
        });
        await meanwhile?.(handle);
        try {
          return await handle.result();
        } finally {
          await recordHistory(handle, `build-image.${scenario}`);
        }
      },
    );
  }

  const userError = (message: string) =>
    ApplicationFailure.create({
      message,
      type: BUILD_USER_ERROR,
      nonRetryable: true,
      details: ['gitfailure'],
    });

  /** Runs until it is cancelled, as a step that heartbeats does. */
  async function untilCancelled(): Promise<never> {
    const timer = setInterval(() => heartbeat(), 50);
    try {
      return await Context.current().cancelled;
    } finally {
      clearInterval(timer);
    }
  }

  it('goes from clone to push and hands its slot back', async () => {
    const fake = new FakeBuilds();
    const result = await run('success', fake, async (handle) => {
      await eventually(async () => {
        const { searchAttributes } = await handle.describe();
        assert.deepEqual(searchAttributes.BuildPhase, ['complete']);
        assert.deepEqual(searchAttributes.ImageDigest, ['sha256:digest']);
      });
    });
    assert.deepEqual(result, { outcome: 'complete', digest: 'sha256:digest' });
    assert.deepEqual(fake.events, [
      ...['build-scheduled', 'unpacking', 'clone 1', 'context 1', 'pulling', 'building', 'build 1'],
      ...['pushing', 'push 1', 'complete sha256:digest', 'clean 1', 'archive'],
    ]);
  });

  it('ends at once with what the user can mend', async () => {
    const fake = new FakeBuilds();
    fake.steps.cloneSource = () => Promise.reject(userError('git.example refused the connection'));
    const result = await run('user-error', fake);
    assert.deepEqual(result, { outcome: 'error' });
    assert.deepEqual(fake.events.slice(2), [
      'clone 1',
      'clean 1',
      'error gitfailure: git.example refused the connection',
      'archive',
    ]);
  });

  it('repeats a step whose infrastructure failed', async () => {
    const fake = new FakeBuilds();
    let calls = 0;
    fake.steps.cloneSource = () => {
      calls += 1;
      return calls < 3 ? Promise.reject(new Error('the line is dead')) : Promise.resolve();
    };
    assert.equal((await run('step-repeated', fake)).outcome, 'complete');
    assert.equal(calls, 3);
  });

  it('begins again from clone when the engine failed, and is an internal error after three attempts', async () => {
    const fake = new FakeBuilds();
    fake.steps.buildImage = () => Promise.reject(new Error('the engine went away'));
    assert.deepEqual(await run('given-up', fake), { outcome: 'internalerror' });
    const told = fake.events.filter((event) => /^(clone|lost|internalerror)/.test(event));
    assert.deepEqual(told, [
      'clone 1',
      'lost 1: the engine went away; the build begins again',
      'clone 2',
      'lost 2: the engine went away; the build begins again',
      'clone 3',
      'internalerror internalerror: the engine went away; given up after 3 attempts',
    ]);
  });

  it('completes with what a lost attempt has pushed, and does not build again', async () => {
    const fake = new FakeBuilds();
    fake.steps.pushImage = () => Promise.reject(ApplicationFailure.nonRetryable('the engine went away'));
    fake.records.beginAttempt = ({ attempt }) =>
      Promise.resolve({ attempt, tags: ['main'], pushedDigest: attempt === 1 ? null : 'sha256:pushed' });
    assert.deepEqual(await run('pushed-before', fake), { outcome: 'complete', digest: 'sha256:pushed' });
    const told = fake.events.filter((event) => /^(clone|lost|complete)/.test(event));
    assert.deepEqual(told, [
      'clone 1',
      'lost 1: the engine went away; the build begins again',
      'complete what was pushed before attempt 2',
    ]);
  });

  it('asks after the last attempt as well whether something was pushed', async () => {
    const fake = new FakeBuilds();
    fake.steps.pushImage = () => Promise.reject(ApplicationFailure.nonRetryable('the engine went away'));
    fake.records.beginAttempt = ({ attempt }) =>
      Promise.resolve({ attempt, tags: ['main'], pushedDigest: attempt <= 3 ? null : 'sha256:pushed' });
    assert.equal((await run('pushed-last', fake)).outcome, 'complete');
    assert.equal(fake.events.filter((event) => event.startsWith('clone')).length, 3);
  });

  it('offers no slot while the engine is away', async () => {
    const fake = new FakeBuilds();
    let looks = 0;
    fake.ping = () => {
      looks += 1;
      if (looks < 3) throw new Error('connect ENOENT');
      return 'OK';
    };
    assert.equal((await run('engine-away', fake)).outcome, 'complete');
    assert.equal(fake.events.filter((event) => event.startsWith('clone')).length, 1);
  });

  it('begins again on another worker when its host is lost', async () => {
    const fake = new FakeBuilds();
    const { client } = await temporal();
    let holds = 0;
    const queues = fake.queues(client);
    const { holdBuilder } = queues[QUEUES.build] as { holdBuilder: (attempt: object) => Promise<void> };
    queues[QUEUES.build] = {
      async holdBuilder(attempt: object) {
        holds += 1;
        if (holds > 1) return holdBuilder(attempt);
        // A killed worker: it took the build, then nothing more is heard of it.
        const { workflowId } = Context.current().info.workflowExecution ?? { workflowId: '' };
        await client.workflow
          .getHandle(workflowId)
          .signal('holdingBuilder', { attempt: 1, taskQueue: 'build:dead' });
        return Context.current().cancelled;
      },
    };
    fake.queues = () => queues;
    assert.equal((await run('host-lost', fake)).outcome, 'complete');
    assert.deepEqual(
      fake.events.filter((event) => /^(clone|lost|complete)/.test(event)),
      [
        'lost 1: the build worker is gone: it no longer answers; the build begins again',
        'clone 2',
        'complete sha256:digest',
      ],
    );
  });

  it('begins again when the worker shuts down before the steps began', async () => {
    const fake = new FakeBuilds();
    const { client } = await temporal();
    const queues = fake.queues(client);
    const { holdBuilder } = queues[QUEUES.build] as { holdBuilder: (attempt: object) => Promise<void> };
    queues[QUEUES.build] = {
      holdBuilder: ({ attempt }: { attempt: number }) =>
        attempt === 1
          ? Promise.reject(ApplicationFailure.retryable('the worker shuts down', 'WorkerShutdown'))
          : holdBuilder({ attempt }),
    };
    fake.queues = () => queues;
    assert.equal((await run('slot-lost', fake)).outcome, 'complete');
    assert.equal(
      fake.events[0],
      'lost 1: the build worker is gone: the worker shuts down; the build begins again',
    );
  });

  it('is complete although its host is lost while it cleans up', async () => {
    const fake = new FakeBuilds();
    const { client } = await temporal();
    const queues = fake.queues(client);
    const lost = new Gate();
    fake.steps.cleanUp = () => {
      lost.open();
      return untilCancelled();
    };
    const { holdBuilder } = queues[QUEUES.build] as { holdBuilder: (attempt: object) => Promise<void> };
    queues[QUEUES.build] = {
      holdBuilder: (attempt: object) =>
        Promise.race([
          holdBuilder(attempt),
          lost.opened.then(() => Promise.reject(ApplicationFailure.nonRetryable('the host is gone'))),
        ]),
    };
    fake.queues = () => queues;
    const result = await run('lost-after-push', fake);
    assert.deepEqual(result, { outcome: 'complete', digest: 'sha256:digest' });
    assert.deepEqual(
      fake.events.filter((event) => /^(lost|complete)/.test(event)),
      ['complete sha256:digest'],
    );
  });

  const handedOver = () =>
    ApplicationFailure.nonRetryable('the build worker is shutting down', BUILD_HANDED_OVER);

  it('begins again on another worker when its own shuts down, as often as a build may be lost and more', async () => {
    const fake = new FakeBuilds();
    let calls = 0;
    fake.steps.buildImage = () => {
      calls += 1;
      return calls <= 3 ? Promise.reject(handedOver()) : Promise.resolve('sha256:image');
    };
    assert.equal((await run('handed-over', fake)).outcome, 'complete');
    const told = fake.events.filter((event) => /^(lost|clean|complete)/.test(event));
    const reason = 'the build worker is shutting down; the build begins again on another one';
    assert.deepEqual(told, [
      ...[1, 2, 3].flatMap((attempt) => [`clean ${attempt}`, `lost ${attempt}: ${reason}`]),
      ...['complete sha256:digest', 'clean 4'],
    ]);
  });

  it('begins again elsewhere when its slot was handed over before a step could tell', async () => {
    const fake = new FakeBuilds();
    const { client } = await temporal();
    const queues = fake.queues(client);
    const { holdBuilder } = queues[QUEUES.build] as { holdBuilder: (attempt: object) => Promise<void> };
    queues[QUEUES.build] = {
      holdBuilder: ({ attempt }: { attempt: number }) =>
        attempt === 1 ? Promise.reject(handedOver()) : holdBuilder({ attempt }),
    };
    fake.queues = () => queues;
    assert.equal((await run('slot-handed-over', fake)).outcome, 'complete');
    assert.match(fake.events[0] ?? '', /^lost 1: the build worker is shutting down; .* on another one$/);
  });

  it('is an internal error when it was handed over for ever', async () => {
    const fake = new FakeBuilds();
    fake.steps.cloneSource = () => Promise.reject(handedOver());
    assert.deepEqual(await run('handed-over-for-ever', fake), { outcome: 'internalerror' });
    assert.match(fake.events.at(-2) ?? '', /shutting down; given up after 11 attempts$/);
  });

  it('stops the engine and cleans up before it ends as cancelled', async () => {
    const fake = new FakeBuilds();
    fake.steps.buildImage = async () => {
      try {
        return await untilCancelled();
      } finally {
        fake.events.push('engine stopped');
      }
    };
    await assert.rejects(
      run('cancelled', fake, async (handle) => {
        await eventually(() => assert.ok(fake.events.includes('build 1')));
        await handle.cancel();
      }),
      (error) => error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure,
    );
    assert.deepEqual(fake.events.slice(-4), ['engine stopped', 'clean 1', 'cancelled', 'archive']);
    assert.ok(!fake.events.includes('push 1'));
  });

  it('is cancelled while it waits for a worker', async () => {
    const fake = new FakeBuilds();
    const { client } = await temporal();
    const { [QUEUES.build]: _, ...queues } = fake.queues(client);
    fake.queues = () => queues;
    await assert.rejects(
      run('cancelled-waiting', fake, async (handle) => {
        await eventually(async () => {
          const { events } = await handle.fetchHistory();
          assert.ok(
            events?.some(
              (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'holdBuilder',
            ),
          );
        });
        await handle.cancel();
      }),
      WorkflowFailedError,
    );
    assert.deepEqual(fake.events, ['cancelled', 'archive']);
  });

  it('does nothing for a build that has ended already', async () => {
    const fake = new FakeBuilds();
    fake.records.beginAttempt = () => Promise.resolve(null);
    assert.deepEqual(await run('ended-before', fake), { outcome: 'superseded' });
    assert.deepEqual(fake.events, ['archive']);
  });

  it('stops when the record says that the build has ended meanwhile', async () => {
    const fake = new FakeBuilds();
    fake.records.markBuild = (_, phase) => Promise.resolve(phase === 'building' ? 'ended' : 'current');
    assert.deepEqual(await run('ended-meanwhile', fake), { outcome: 'superseded' });
    assert.deepEqual(fake.events, ['clone 1', 'context 1', 'clean 1', 'archive']);
  });

  it('was built but somebody ended it first', async () => {
    const fake = new FakeBuilds();
    fake.records.completeBuild = () => Promise.resolve('ended');
    assert.deepEqual(await run('ended-last', fake), { outcome: 'superseded' });
  });

  it('goes on when its record was away for a moment', async () => {
    const fake = new FakeBuilds();
    let calls = 0;
    fake.records.beginAttempt = ({ attempt }) => {
      calls += 1;
      if (calls < 3) return Promise.reject(new Error('the database is away'));
      return Promise.resolve({ attempt, tags: ['main'], pushedDigest: null });
    };
    assert.equal((await run('record-away', fake)).outcome, 'complete');
    assert.equal(calls, 3);
    assert.equal(fake.events.filter((event) => event.startsWith('clone')).length, 1);
  });

  it('ends although its log cannot be archived', async () => {
    const fake = new FakeBuilds();
    fake.records.archiveLog = () => Promise.reject(ApplicationFailure.nonRetryable('the disk is full'));
    fake.steps.cleanUp = () => Promise.reject(ApplicationFailure.nonRetryable('the folder is busy'));
    assert.equal((await run('not-archived', fake)).outcome, 'complete');
  });
});
