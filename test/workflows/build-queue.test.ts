import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';

import { buildQueue } from '../../workflows/build-queue';
import type { BuildQueueInput } from '../../workflows/shared/contracts';
import { eventually } from '../support/eventually';
import { FakeBuilds } from '../support/fake-builds';
import { recordHistory } from '../support/replay';
import { queueName, runWithWorker, temporal } from '../support/temporal';

describe('buildQueue', function () {
  this.timeout(60_000);

  /** A queue of a namespace of its own over these activities; `enqueue` does what the relay does. */
  async function withQueue(
    fake: FakeBuilds,
    timings: Record<string, number>,
    use: (queue: {
      client: Client;
      namespace: string;
      workflowId: string;
      enqueue: (buildId: string, repository?: string) => Promise<void>;
      signal: (name: string, argument: object) => Promise<void>;
      isClosed: () => Promise<void>;
    }) => Promise<void>,
  ): Promise<void> {
    const { client } = await temporal();
    const namespace = queueName('ns');
    const workflowId = `build-queue:${namespace}`;
    const taskQueue = queueName('build-queue');
    const input: BuildQueueInput = {
      namespace,
      limit: 2,
      timings: { buildRetryMs: 10, buildStepRetryMs: 10, ...timings },
    };
    await runWithWorker({ taskQueue, activities: fake.activities, queues: fake.queues(client) }, () =>
      use({
        client,
        namespace,
        workflowId,
        async enqueue(buildId, repository = `${namespace}/app`) {
          const event = { buildId, repository, triggerKind: 'custom-git', displayName: 'aabbccd' };
          await client.workflow.signalWithStart(buildQueue, {
            workflowId,
            taskQueue,
            args: [input],
            signal: 'enqueueBuild',
            signalArgs: [{ ...event, eventId: `event of ${buildId}` }],
          });
        },
        signal: (name, argument) => client.workflow.getHandle(workflowId).signal(name, argument),
        isClosed: () =>
          eventually(async () => {
            const { status } = await client.workflow.getHandle(workflowId).describe();
            assert.equal(status.name, 'COMPLETED');
          }, 40_000),
      }),
    );
  }

  it('runs the builds of one repository one after the other, each once, and ends when it is empty', async () => {
    const fake = new FakeBuilds();
    const running = { now: 0, most: 0 };
    fake.steps.buildImage = async () => {
      running.most = Math.max(running.most, (running.now += 1));
      await new Promise((resolve) => setTimeout(resolve, 100));
      running.now -= 1;
      return 'sha256:image';
    };
    const ids = [randomUUID(), randomUUID(), randomUUID()];
    await withQueue(fake, {}, async ({ enqueue, isClosed, client, workflowId }) => {
      for (const id of [...ids, ...ids]) await enqueue(id);
      await isClosed();
      await recordHistory(client.workflow.getHandle(workflowId), 'build-queue.emptied');
      for (const id of ids) {
        // A build frees its slot before it archives its log.
        await client.workflow.getHandle(`build:${id}`).result();
        const { searchAttributes } = await client.workflow.getHandle(`build:${id}`).describe();
        assert.deepEqual(searchAttributes.TriggerKind, ['custom-git']);
      }
    });
    assert.equal(running.most, 1);
    assert.equal(fake.events.filter((event) => event.startsWith('complete')).length, 3);
  });

  it('runs builds of several repositories side by side up to the limit', async () => {
    const fake = new FakeBuilds();
    const gates: (() => void)[] = [];
    fake.steps.buildImage = () => new Promise((resolve) => gates.push(() => resolve('sha256:image')));
    await withQueue(fake, {}, async ({ enqueue, isClosed, namespace, client, workflowId }) => {
      for (const name of ['a', 'b', 'c']) await enqueue(randomUUID(), `${namespace}/${name}`);
      await eventually(() => assert.equal(gates.length, 2));
      assert.equal(fake.events.filter((event) => event === 'build 1').length, 2);
      gates[0]?.();
      await eventually(() => assert.equal(gates.length, 3));
      for (const open of gates) open();
      await isClosed();
      await recordHistory(client.workflow.getHandle(workflowId), 'build-queue.side-by-side');
    });
  });

  it('forgets a build that was cancelled while it waited', async () => {
    const fake = new FakeBuilds();
    let open: () => void = () => undefined;
    fake.steps.buildImage = () => new Promise((resolve) => (open = () => resolve('sha256:image')));
    const [first, second] = [randomUUID(), randomUUID()];
    await withQueue(fake, {}, async ({ enqueue, signal, isClosed, client, workflowId }) => {
      await enqueue(first);
      await enqueue(second);
      await eventually(() => assert.ok(fake.events.includes('build 1')));
      await signal('dropBuild', { buildId: second, eventId: 'e' });
      open();
      await isClosed();
      await assert.rejects(client.workflow.getHandle(`build:${second}`).describe(), {
        name: 'WorkflowNotFoundError',
      });
      await recordHistory(client.workflow.getHandle(workflowId), 'build-queue.dropped');
    });
  });

  it('finds out by itself that a build was terminated', async () => {
    const fake = new FakeBuilds();
    const first = randomUUID();
    const ended = new Set<string>();
    fake.records.keepOpenBuilds = (ids) => Promise.resolve(ids.filter((id) => !ended.has(id)));
    fake.steps.cloneSource = ({ buildId }) =>
      buildId === first ? Context.current().cancelled : Promise.resolve();
    await withQueue(fake, { queueSweepMs: 300 }, async ({ enqueue, isClosed, client, workflowId }) => {
      await enqueue(first);
      await enqueue(randomUUID());
      await eventually(() => assert.ok(fake.events.includes('clone 1')));
      await client.workflow.getHandle(`build:${first}`).terminate('an operator did it');
      ended.add(first);
      await isClosed();
      await recordHistory(client.workflow.getHandle(workflowId), 'build-queue.swept');
    });
    assert.equal(fake.events.filter((event) => event.startsWith('complete')).length, 1);
  });

  it('does not start a build twice that an earlier queue has started', async () => {
    const fake = new FakeBuilds();
    const ended = new Set<string>();
    fake.records.keepOpenBuilds = (ids) => Promise.resolve(ids.filter((id) => !ended.has(id)));
    const id = randomUUID();
    await withQueue(fake, {}, async ({ enqueue, isClosed, client, workflowId }) => {
      await enqueue(id);
      await isClosed();
      ended.add(id);
      await enqueue(id);
      await isClosed();
      await recordHistory(client.workflow.getHandle(workflowId), 'build-queue.started-before');
    });
    assert.equal(fake.events.filter((event) => event.startsWith('complete')).length, 1);
  });

  it('goes on as a new run when its history grows long, with everything that it held', async () => {
    const fake = new FakeBuilds();
    const ids = [randomUUID(), randomUUID(), randomUUID()];
    await withQueue(fake, { queueHistoryEvents: 15 }, async ({ enqueue, isClosed, client, workflowId }) => {
      for (const id of ids) await enqueue(id);
      const { runId } = (await client.workflow.getHandle(workflowId).describe()) as { runId: string };
      await isClosed();
      const last = await client.workflow.getHandle(workflowId).describe();
      assert.notEqual(last.runId, runId);
      await recordHistory(client.workflow.getHandle(workflowId, runId), 'build-queue.continued');
    });
    assert.equal(fake.events.filter((event) => event.startsWith('complete')).length, 3);
  });
});
