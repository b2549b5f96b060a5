import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import type { Client } from '@temporalio/client';
import type { DataSource } from 'typeorm';

import type { Orphan, OrphanActivities } from '../../activities/maintain/orphans';
import { createOrphanActivities } from '../../activities/maintain/orphans';
import { SYSTEM, enqueue, runAct } from '../../commands/act';
import { Build, BuildLogEntry } from '../../db/entities/builds';
import { Manifest } from '../../db/entities/content';
import { Delivery } from '../../db/entities/notifications';
import { OutboxRow } from '../../db/entities/outbox';
import { RepositoryToken } from '../../db/entities/repositories';
import { IndexReportRow } from '../../db/entities/scanning';
import { findOpenBuilds } from '../../db/stores/open-work';
import type { BuildPhase } from '../../model/phases';
import { insertBuild } from '../support/builds';
import { freshDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { deliveryEvent } from '../support/outbox';
import { queueName, runWithWorker, temporal } from '../support/temporal';

const LONG_AGO_MS = 60_000;

const A_MANIFEST = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  body: Buffer.from('{}'),
  sizeBytes: 2,
  holdUntilMs: 1,
  createdAtMs: 1,
};

describe('orphans', function () {
  this.timeout(60_000);
  let dataSource: DataSource;
  let client: Client;
  let activities: OrphanActivities;
  const left: string[] = [];

  before(async () => {
    dataSource = await freshDatabase();
    ({ client } = await temporal());
    activities = createOrphanActivities({
      dataSource,
      now: Date.now,
      client,
      address: { scheme: 'http', host: 'registry.test' },
      config: {
        FEATURE_BUILD_SUPPORT: true,
        BUILD_NAMESPACE_WAITING_LIMIT: 50,
        SUCCESSIVE_TRIGGER_FAILURE_DISABLE_THRESHOLD: 100,
        SUCCESSIVE_TRIGGER_INTERNAL_ERROR_DISABLE_THRESHOLD: 5,
      },
      indexerState: () => 'state',
      queryMs: 300,
      isScanning: true,
    });
  });

  after(async () => {
    for (const id of left) await client.workflow.getHandle(id).terminate();
    await dataSource.destroy();
  });

  function aBuild(phase: BuildPhase, ageMs = LONG_AGO_MS) {
    return insertBuild(dataSource, { phase, createdAtMs: Date.now() - ageMs });
  }

  async function aDelivery(): Promise<string> {
    const uuid = randomUUID();
    await dataSource.manager.insert(Delivery, {
      uuid,
      eventId: randomUUID(),
      event: 'repo_push',
      payload: {},
      status: 'pending',
      createdAtMs: Date.now() - LONG_AGO_MS,
    });
    return uuid;
  }

  async function open(workflowId: string): Promise<void> {
    left.push(workflowId);
    await client.workflow.start('nobody', { workflowId, taskQueue: 'nobody' });
  }

  async function terminated(workflowId: string): Promise<void> {
    const handle = await client.workflow.start('nobody', { workflowId, taskQueue: 'nobody' });
    await handle.terminate();
  }

  async function orphan(id: string): Promise<Orphan | undefined> {
    const found = await activities.findOrphans();
    return found.find((one) => one.id === id);
  }

  it('are builds whose workflow was terminated', async () => {
    const { uuid, namespace } = await aBuild('building');
    await terminated(`build:${uuid}`);
    assert.deepEqual(await orphan(uuid), {
      kind: 'build',
      id: uuid,
      namespace,
      reason: 'the workflow of this build was terminated by an operator',
    });
  });

  it('are builds that were under way and of which Temporal knows nothing', async () => {
    const { uuid, namespace } = await aBuild('pushing');
    await open(`build-queue:${namespace}`);
    assert.equal((await orphan(uuid))?.reason, 'the workflow of this build has vanished');
  });

  it('are waiting builds whose queue is gone', async () => {
    const { uuid } = await aBuild('waiting');
    assert.equal((await orphan(uuid))?.id, uuid);
  });

  it('are not builds that run, wait in a queue that runs, or have ended', async () => {
    const running = await aBuild('building');
    await open(`build:${running.uuid}`);
    const waiting = await aBuild('waiting');
    await open(`build-queue:${waiting.namespace}`);
    const done = await aBuild('complete');
    for (const { uuid } of [running, waiting, done]) assert.equal(await orphan(uuid), undefined);
  });

  it('are waiting builds of which a newer queue of the namespace knows nothing', async () => {
    const lost = await aBuild('waiting');
    const held = await insertBuild(dataSource, {
      phase: 'waiting',
      createdAtMs: 1,
      repositoryId: lost.repositoryId,
    });
    const taskQueue = queueName('queue');
    await runWithWorker({ taskQueue }, async () => {
      const queued = { repository: 'acme/app', triggerKind: 'custom-git', displayName: 'x' };
      const blocker = { ...queued, buildId: randomUUID() };
      await client.workflow.start('buildQueue', {
        taskQueue,
        workflowId: `build-queue:${lost.namespace}`,
        args: [
          {
            namespace: lost.namespace,
            limit: 1,
            running: [blocker],
            waiting: [{ ...queued, buildId: held.uuid }],
          },
        ],
      });
      left.push(`build-queue:${lost.namespace}`);
      assert.equal((await orphan(lost.uuid))?.reason, 'the queue that held this build has ended without it');
      assert.equal(await orphan(held.uuid), undefined);
    });
  });

  it('are not builds that are new or that the relay has not told Temporal of', async () => {
    const young = await aBuild('waiting', 0);
    const owed = await aBuild('waiting');
    const { uuid: buildId, namespace } = owed;
    await runAct({ dataSource, now: Date.now }, SYSTEM, (act) =>
      enqueue(act, {
        kind: 'build.queued',
        orderingKey: `repository:${owed.repositoryId}`,
        eventId: buildId,
        payload: { buildId, namespace, repository: 'app', triggerKind: 'custom-git', displayName: 'x' },
      }),
    );
    assert.equal(await orphan(young.uuid), undefined);
    assert.equal(await orphan(buildId), undefined);
    // A parked row will never be told.
    await dataSource.manager.update(OutboxRow, { eventId: buildId }, { parkedAtMs: 1 });
    assert.equal((await orphan(buildId))?.kind, 'build');
  });

  it('are deliveries whose workflow was terminated or has vanished', async () => {
    const [gone, lost, alive] = [await aDelivery(), await aDelivery(), await aDelivery()];
    await terminated(`delivery:${gone}`);
    await open(`delivery:${alive}`);
    assert.equal((await orphan(gone))?.reason, 'the workflow of this delivery was terminated by an operator');
    assert.equal((await orphan(lost))?.reason, 'the workflow of this delivery has vanished');
    assert.equal(await orphan(alive), undefined);
  });

  it('are not deliveries that the relay has not told Temporal of', async () => {
    const uuid = await aDelivery();
    await runAct({ dataSource, now: Date.now }, SYSTEM, (act) =>
      enqueue(act, { ...deliveryEvent(uuid), orderingKey: `delivery:${uuid}`, eventId: uuid }),
    );
    assert.equal(await orphan(uuid), undefined);
  });

  it('are found in the end, however many healthy ones are older', async () => {
    const { uuid } = await aBuild('building');
    await eventually(async () => {
      const [seen] = await findOpenBuilds(dataSource, Date.now() - 1000, 1);
      assert.equal(seen?.uuid, uuid);
    });
  });

  it('settle: a delivery is given up with the reason', async () => {
    const uuid = await aDelivery();
    await activities.settleOrphan({ kind: 'delivery', id: uuid, namespace: null, reason: 'it is gone' });
    const row = await dataSource.manager.findOneByOrFail(Delivery, { uuid });
    assert.deepEqual([row.status, row.lastError], ['failed', 'it is gone']);
    assert.equal(await orphan(uuid), undefined);
  });

  it('settle: a delivery that Temporal lost is told to it once more, one that it ended is not', async () => {
    const uuid = await aDelivery();
    await runAct({ dataSource, now: Date.now }, SYSTEM, (act) =>
      enqueue(act, { ...deliveryEvent(uuid), orderingKey: `delivery:${uuid}`, eventId: uuid }),
    );
    await dataSource.manager.update(OutboxRow, { eventId: uuid }, { deliveredAtMs: 1 });
    const lost = await orphan(uuid);
    assert.equal(lost?.isUnknown, true);
    await activities.settleOrphan(lost);
    const row = await dataSource.manager.findOneByOrFail(OutboxRow, { eventId: uuid });
    assert.equal(row.deliveredAtMs, null);
    assert.equal((await dataSource.manager.findOneByOrFail(Delivery, { uuid })).status, 'pending');
    assert.equal(await orphan(uuid), undefined);
    await dataSource.manager.update(OutboxRow, { eventId: uuid }, { deliveredAtMs: 1 });
    await terminated(`delivery:${uuid}`);
    const ended = await orphan(uuid);
    assert.equal(ended?.isUnknown, false);
    await activities.settleOrphan(ended);
    assert.equal((await dataSource.manager.findOneByOrFail(Delivery, { uuid })).status, 'failed');
  });

  it('settle: a delivery whose outbox row is gone is given up, though Temporal never heard of it', async () => {
    const uuid = await aDelivery();
    const lost = await orphan(uuid);
    assert.ok(lost?.isUnknown);
    await activities.settleOrphan(lost);
    assert.equal((await dataSource.manager.findOneByOrFail(Delivery, { uuid })).status, 'failed');
  });

  it('settle: a build ends as an internal error with the reason, loses its right to push and its slot', async () => {
    const { uuid, namespace, repositoryId } = await aBuild('building');
    const token = await dataSource.manager.save(
      dataSource.manager.create(RepositoryToken, {
        uuid: randomUUID(),
        repositoryId,
        kind: 'build',
        friendlyName: 'build',
        role: 'write',
        code: randomUUID().slice(0, 32),
        secret: 'secret',
        createdAtMs: 1,
      }),
    );
    await dataSource.manager.update(Build, { uuid }, { pushTokenId: token.id });
    await open(`build-queue:${namespace}`);
    const lost = { kind: 'build' as const, id: uuid, namespace, reason: 'it is gone' };
    await activities.settleOrphan(lost);
    await activities.settleOrphan(lost);

    const build = await dataSource.manager.findOneByOrFail(Build, { uuid });
    assert.deepEqual([build.phase, build.errorMessage], ['internalerror', 'it is gone']);
    assert.ok((await dataSource.manager.findOneByOrFail(RepositoryToken, { id: token.id })).revokedAtMs);
    const log = await dataSource.manager.findBy(BuildLogEntry, { buildId: build.id });
    assert.equal(log.filter((entry) => entry.message === 'it is gone').length, 1);
    assert.equal(await orphan(uuid), undefined);
    const { events } = await client.workflow.getHandle(`build-queue:${namespace}`).fetchHistory();
    const signals = (events ?? []).flatMap(
      (e) => e.workflowExecutionSignaledEventAttributes?.signalName ?? [],
    );
    assert.deepEqual([...new Set(signals)], ['buildFinished']);
  });

  it('settle: a build whose queue is gone as well', async () => {
    const { uuid, namespace } = await aBuild('building');
    await activities.settleOrphan({ kind: 'build', id: uuid, namespace, reason: 'it is gone' });
    const build = await dataSource.manager.findOneByOrFail(Build, { uuid });
    assert.equal(build.phase, 'internalerror');
  });

  it('are scans whose workflow was terminated, and settle as failed; one that was lost is done again', async () => {
    const { repositoryId } = await aBuild('complete');
    const manager = dataSource.manager;
    const aScan = async () => {
      const digest = `sha256:${randomUUID()}`;
      const manifest = await manager.save(manager.create(Manifest, { repositoryId, digest, ...A_MANIFEST }));
      await manager.insert(IndexReportRow, { manifestId: manifest.id, status: 'queued' });
      return { id: manifest.id, workflowId: `scan:${repositoryId}:${digest}:state` };
    };
    const [gone, alive, lost] = [await aScan(), await aScan(), await aScan()];
    await terminated(gone.workflowId);
    await open(alive.workflowId);
    const found = await orphan(String(gone.id));
    assert.equal(found?.reason, 'the workflow of this scan was terminated by an operator');
    assert.equal(await orphan(String(alive.id)), undefined);
    // Temporal lost it: it is asked for once more, and only once.
    const unknown = await orphan(String(lost.id));
    assert.equal(unknown?.isUnknown, true);
    await activities.settleOrphan(unknown);
    assert.equal(await orphan(String(lost.id)), undefined);
    const asked = await manager.findBy(OutboxRow, { kind: 'manifest.pushed' });
    assert.deepEqual(
      asked.map(({ payload }) => (payload as { manifestId: number }).manifestId),
      [lost.id],
    );
    await activities.settleOrphan(found);
    const row = await manager.findOneByOrFail(IndexReportRow, { manifestId: gone.id });
    assert.deepEqual([row.status, row.error], ['failed', found.reason]);
  });
});
