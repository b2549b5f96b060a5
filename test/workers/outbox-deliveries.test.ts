import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { WorkflowHandle } from '@temporalio/client';
import { Client, WorkflowNotFoundError } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { DataSource } from 'typeorm';

import { OutboxRow } from '../../db/entities/outbox';
import { outboxState } from '../../db/stores/outbox';
import { claimRuns } from '../../db/stores/outbox-claims';
import type { OutboxKind, OutboxMessages } from '../../model/outbox-messages';
import { createOutboxDeliveries } from '../../workers/outbox-deliveries';
import type { DeliverRow } from '../../workers/outbox-relay';
import { lazyConnection } from '../../workers/runtime';
import { freshDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { uniqueName } from '../support/factories';
import { commitEvent, withRelay } from '../support/outbox';
import { ownTemporal, temporal } from '../support/temporal';

const CONFIG = {
  BUILD_NAMESPACE_RUNNING_LIMIT: 2,
  FEATURE_SECURITY_SCANNER: true,
  WORKFLOW_TIMINGS: { retryInitialMs: 20 },
};

function row<K extends OutboxKind>(
  kind: K,
  payload: OutboxMessages[K],
  eventId: string = randomUUID(),
): OutboxRow {
  return Object.assign(new OutboxRow(), { kind, payload, eventId });
}

describe('deliveries of the outbox', function () {
  this.timeout(60_000);
  let client: Client;
  let deliver: DeliverRow;
  const namespace = uniqueName('acme');
  const left: string[] = [];

  before(async () => {
    ({ client } = await temporal());
    deliver = createOutboxDeliveries({ client, config: CONFIG, indexerState: () => 'state-1' });
  });

  after(async () => {
    for (const id of left) await client.workflow.getHandle(id).terminate();
  });

  /** A handle of something that these tests leave open on purpose. */
  function opened(workflowId: string): WorkflowHandle {
    left.push(workflowId);
    return client.workflow.getHandle(workflowId);
  }

  async function startOf(handle: WorkflowHandle) {
    const { events } = await handle.fetchHistory();
    const started = events?.[0]?.workflowExecutionStartedEventAttributes;
    const read = (payload: Parameters<typeof defaultPayloadConverter.fromPayload>[0] | null | undefined) =>
      payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
    const attributes = Object.entries(started?.searchAttributes?.indexedFields ?? {});
    return {
      type: started?.workflowType?.name,
      queue: started?.taskQueue?.name,
      fairnessKey: started?.priority?.fairnessKey,
      input: read(started?.input?.payloads?.[0]),
      summary: read(events?.[0]?.userMetadata?.summary),
      attributes: Object.fromEntries(attributes.map(([name, value]) => [name, read(value)])),
      signals: (events ?? []).flatMap((event) => {
        const signal = event.workflowExecutionSignaledEventAttributes;
        return signal ? [{ name: signal.signalName, argument: read(signal.input?.payloads?.[0]) }] : [];
      }),
      cancelRequests: (events ?? []).filter((event) => event.workflowExecutionCancelRequestedEventAttributes)
        .length,
    };
  }

  const queued = {
    buildId: 'b1',
    namespace,
    repository: 'app',
    triggerKind: 'custom-git',
    displayName: '1a2b3c4',
  };

  it('queue a build and take it back', async () => {
    const handle = opened(`build-queue:${namespace}`);
    await deliver(row('build.queued', queued, 'event-1'));
    await deliver(row('build.cancelled', { buildId: 'b1', namespace, repository: 'app' }, 'event-2'));
    const start = await startOf(handle);
    assert.deepEqual(start, {
      type: 'buildQueue',
      queue: 'orchestration',
      fairnessKey: namespace,
      input: { namespace, limit: 2, timings: { retryInitialMs: 20 } },
      summary: `builds of ${namespace}`,
      attributes: { RegistryNamespace: namespace },
      signals: [
        {
          name: 'enqueueBuild',
          argument: {
            buildId: 'b1',
            repository: `${namespace}/app`,
            triggerKind: 'custom-git',
            displayName: '1a2b3c4',
            eventId: 'event-1',
          },
        },
        { name: 'dropBuild', argument: { buildId: 'b1', eventId: 'event-2' } },
      ],
      cancelRequests: 0,
    });
  });

  it('cancel a build that runs', async () => {
    const buildId = randomUUID();
    const handle = opened(`build:${buildId}`);
    await client.workflow.start('buildImage', { workflowId: handle.workflowId, taskQueue: 'nobody' });
    await deliver(row('build.cancelled', { buildId, namespace: uniqueName('idle'), repository: 'app' }));
    assert.equal((await startOf(handle)).cancelRequests, 1);
  });

  it('take the cancel of a build as done when neither queue nor build is there', async () => {
    const message = { buildId: randomUUID(), namespace: uniqueName('idle'), repository: 'app' };
    await deliver(row('build.cancelled', message));
  });

  const pushed = { repositoryId: 7, manifestId: 9, namespace, repository: 'app', digest: 'sha256:abc' };

  it('start one scan per manifest and state of the indexers', async () => {
    const handle = opened('scan:7:sha256:abc:state-1');
    await deliver(row('manifest.pushed', { ...pushed, tag: 'v1' }));
    const { runId } = await handle.describe();
    await deliver(row('manifest.pushed', { ...pushed, tag: 'v2' }));
    assert.equal((await handle.describe()).runId, runId);
    const { type, input, summary, attributes } = await startOf(handle);
    assert.equal(type, 'scanManifest');
    assert.deepEqual(input, {
      repositoryId: 7,
      manifestId: 9,
      digest: 'sha256:abc',
      repository: `${namespace}/app`,
      timings: { retryInitialMs: 20 },
    });
    assert.equal(summary, `scan of ${namespace}/app:v1`);
    assert.deepEqual(attributes, {
      RegistryNamespace: namespace,
      Repository: `${namespace}/app`,
      ImageDigest: 'sha256:abc',
      TriggerKind: 'push',
    });
  });

  it('start no scan when the scanner is switched off', async () => {
    const off = createOutboxDeliveries({
      client,
      config: { ...CONFIG, FEATURE_SECURITY_SCANNER: false },
      indexerState: () => 'state-1',
    });
    await off(row('manifest.pushed', { ...pushed, digest: 'sha256:off', tag: null }));
    await assert.rejects(
      client.workflow.getHandle('scan:7:sha256:off:state-1').describe(),
      WorkflowNotFoundError,
    );
  });

  it('start a delivery once, also after it has ended', async () => {
    const deliveryId = randomUUID();
    const message = { deliveryId, namespace, repository: 'app', event: 'repo_push', method: 'webhook' };
    const handle = client.workflow.getHandle(`delivery:${deliveryId}`);
    await deliver(row('delivery.created', message));
    await deliver(row('delivery.created', message));
    const { type, summary, attributes } = await startOf(handle);
    assert.equal(type, 'deliverNotification');
    assert.equal(summary, `repo_push of ${namespace}/app by webhook`);
    assert.equal(attributes.TriggerKind, 'repo_push');
    const { runId } = await handle.describe();
    await handle.terminate();
    await deliver(row('delivery.created', message));
    const after = await client.workflow.getHandle(handle.workflowId).describe();
    assert.deepEqual([after.runId, after.status.name], [runId, 'TERMINATED']);
  });

  it('give names of any length a start', async () => {
    const long = `${namespace}-${'x'.repeat(180)}`;
    const deliveryId = randomUUID();
    const handle = opened(`delivery:${deliveryId}`);
    const repository = 'y'.repeat(250 - long.length);
    await deliver(
      row('delivery.created', {
        deliveryId,
        namespace: long,
        repository,
        event: 'repo_push',
        method: 'email',
      }),
    );
    assert.equal((await startOf(handle)).fairnessKey, long.slice(0, 64));
  });
});

describe('the relay and a Temporal server that comes and goes', function () {
  this.timeout(90_000);
  let dataSource: DataSource;
  const folder = mkdtempSync(join(tmpdir(), 'slipway-test-temporal-'));

  before(async () => {
    dataSource = await freshDatabase();
  });
  after(async () => {
    await dataSource.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  it('starts everything exactly once, whatever was committed while the server was away', async () => {
    const server = await ownTemporal(join(folder, 'temporal.db'));
    const connection = lazyConnection({
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_NAMESPACE: server.namespace,
    });
    try {
      const client = new Client({ connection, namespace: server.namespace });
      const deliver = createOutboxDeliveries({ client, config: CONFIG, indexerState: () => 's' });
      await withRelay(dataSource, deliver, async (relay) => {
        await eventually(() => commitAndDrain(5));
        await server.stop();
        for (let n = 0; n < 20; n += 1) await commitEvent(dataSource, `key-${n % 3}`);
        await eventually(() => assert.ok(!relay.isConnected), 20_000);
        assert.ok((await outboxState(dataSource)).waiting > 0);
        await server.start();
        await eventually(assertDrained, 30_000);
      });
      assert.equal((await outboxState(dataSource)).parked, 0);
      await eventually(async () => {
        const ids: string[] = [];
        for await (const { workflowId } of server.client.workflow.list()) ids.push(workflowId);
        assert.equal(ids.length, 25);
        assert.equal(new Set(ids).size, 25);
      });
    } finally {
      await connection.close();
      await server.dispose();
    }
  });

  it('starts once what a relay was killed with between the start and its mark', async () => {
    const { client } = await temporal();
    await dataSource.manager.deleteAll(OutboxRow);
    const deliver = createOutboxDeliveries({ client, config: CONFIG, indexerState: () => 's' });
    const events = [await commitEvent(dataSource, 'killed'), await commitEvent(dataSource, 'killed')];
    const nowMs = Date.now();
    // What a killed process leaves: a claim of both rows, and the first in Temporal without a mark.
    const claim = { nowMs, afterKey: '', maxRuns: 1, maxRows: 50, claimMs: 20_000 };
    const [first] = (await claimRuns(dataSource, claim)).runs.flat();
    assert.ok(first);
    await deliver(first);
    const handles = events.map((event) => client.workflow.getHandle(`delivery:${event}`));
    const before = await handles[0]?.describe();
    await withRelay(dataSource, deliver, () => eventually(assertDrained), { now: () => nowMs + 20_001 });
    const [one, two] = await Promise.all(handles.map((handle) => handle.describe()));
    assert.equal(one?.runId, before?.runId);
    assert.equal(two?.status.name, 'RUNNING');
    assert.equal((await outboxState(dataSource)).parked, 0);
    for (const handle of handles) await handle.terminate();
  });

  async function commitAndDrain(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) await commitEvent(dataSource, `key-${n % 3}`);
    await eventually(assertDrained);
  }

  async function assertDrained(): Promise<void> {
    assert.equal((await outboxState(dataSource)).waiting, 0);
  }
});
