import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { DataSource } from 'typeorm';

import { SYSTEM, enqueue, runAct } from '../../commands/act';
import { raiseEvent } from '../../commands/notifications/raise-event';
import { Build } from '../../db/entities/builds';
import { Delivery, NotificationRule } from '../../db/entities/notifications';
import { createDataSource } from '../../db/data-source';
import { migrate } from '../../db/migrate';
import { TEST_SECRET_KEY, emptyDatabase } from '../support/database';
import { insertBuild } from '../support/builds';
import { eventually } from '../support/eventually';
import { buildOrganization, buildRepository } from '../support/factories';
import { Gate } from '../support/gate';
import { deliveryEvent } from '../support/outbox';
import { freePort } from '../support/processes';
import { startReceiver } from '../support/receiver';
import type { OwnTemporal } from '../support/temporal';
import { ownTemporal } from '../support/temporal';
import type { PartProcess } from '../support/worker-process';
import { startPart } from '../support/worker-process';

const QUEUES = ['--queues', 'orchestration,deliver,maintenance'];
const FAST = JSON.stringify({
  reapOrphansEveryMs: 1000,
  deliverRetryInitialMs: 50,
  deliverRetryMaximumMs: 100,
});

describe('the processes worker and relay', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'slipway-test-workers-'));
  const parts: PartProcess[] = [];
  let databaseUrl: string;
  let dataSource: DataSource;
  let server: OwnTemporal;

  before(async () => {
    databaseUrl = await emptyDatabase();
    dataSource = createDataSource({
      DATABASE_URL: databaseUrl,
      DATABASE_SECRET_KEY: TEST_SECRET_KEY,
      DATABASE_POOL_SIZE: 5,
    });
    await dataSource.initialize();
    await migrate(dataSource);
    server = await ownTemporal(join(folder, 'temporal.db'));
  });

  after(async () => {
    await Promise.all(parts.map((part) => part.stop('SIGKILL')));
    await server.dispose();
    await dataSource.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(script: 'workers/main.ts' | 'workers/relay-main.ts', args: string[] = []) {
    const part = await startPart({
      script,
      args,
      databaseUrl,
      temporalAddress: server.address,
      env: { WORKFLOW_TIMINGS: FAST },
    });
    parts.push(part);
    return part;
  }

  /** A delivery without a rule: its workflow ends it in one of several ways, all of which end the row. */
  async function oweDelivery(): Promise<string> {
    const uuid = randomUUID();
    await runAct({ dataSource, now: Date.now }, SYSTEM, async (act) => {
      await act.manager.insert(Delivery, {
        uuid,
        eventId: randomUUID(),
        event: 'repo_push',
        payload: {},
        status: 'pending',
        createdAtMs: Date.now(),
      });
      const event = deliveryEvent(uuid);
      await enqueue(act, { ...event, orderingKey: `delivery:${uuid}`, eventId: uuid });
    });
    return uuid;
  }

  /** A delivery of a webhook rule to this address, by way of a real event. */
  async function pushTo(url: string): Promise<string> {
    const { account } = await buildOrganization(dataSource);
    const { id, name } = await buildRepository(dataSource, { namespace: account });
    await dataSource.manager.insert(NotificationRule, {
      uuid: randomUUID(),
      repositoryId: id,
      event: 'repo_push',
      method: 'webhook',
      config: { url } as object,
      eventConfig: {},
      createdAtMs: 1,
    });
    await runAct({ dataSource, now: Date.now }, SYSTEM, (act) =>
      raiseEvent(act, {
        kind: 'repo_push',
        repository: { id, namespace: account.name, name },
        payload: { name },
      }),
    );
    const rows = await dataSource.manager.find(Delivery, { order: { id: 'DESC' }, take: 1 });
    return rows[0]?.uuid ?? '';
  }

  async function ended(uuid: string, deadlineMs = 30_000): Promise<void> {
    await eventually(async () => {
      const row = await dataSource.manager.findOneByOrFail(Delivery, { uuid });
      assert.notEqual(row.status, 'pending');
    }, deadlineMs);
  }

  async function exitOf(part: PartProcess, signal: NodeJS.Signals): Promise<number | null> {
    await part.stop(signal);
    return part.child.exitCode;
  }

  it('carry a committed event to its end, drain on SIGTERM and leave no error', async () => {
    const worker = await start('workers/main.ts', QUEUES);
    const relay = await start('workers/relay-main.ts');
    await Promise.all([worker.healthy(), relay.healthy()]);
    await ended(await oweDelivery());
    assert.deepEqual(await Promise.all([exitOf(worker, 'SIGTERM'), exitOf(relay, 'SIGTERM')]), [0, 0]);
  });

  it('let a call in progress end before the worker does', async () => {
    const both = [await start('workers/main.ts', QUEUES), await start('workers/relay-main.ts')];
    await Promise.all(both.map((part) => part.healthy()));
    const gate = new Gate();
    const receiver = await startReceiver((response) => {
      void gate.opened.then(() => response.end());
    });
    try {
      const uuid = await pushTo(receiver.url);
      await eventually(() => assert.equal(receiver.received.length, 1));
      const exits = both.map((part) => exitOf(part, 'SIGTERM'));
      await eventually(() => assert.match(both[0]?.output() ?? '', /"state":"STOPPING"/));
      gate.open();
      assert.deepEqual(await Promise.all(exits), [0, 0]);
      const row = await dataSource.manager.findOneByOrFail(Delivery, { uuid });
      assert.deepEqual([row.status, receiver.received.length], ['delivered', 1]);
    } finally {
      await receiver.close();
    }
  });

  it('pick up what a killed worker and relay left', async () => {
    const first = [await start('workers/main.ts', QUEUES), await start('workers/relay-main.ts')];
    await Promise.all(first.map((part) => part.healthy()));
    const owed = await Promise.all([oweDelivery(), oweDelivery(), oweDelivery()]);
    await Promise.all(first.map((part) => part.stop('SIGKILL')));
    owed.push(await oweDelivery());
    const second = [await start('workers/main.ts', QUEUES), await start('workers/relay-main.ts')];
    // The claim of a dead relay and the timeout of a dead worker's activity both have to run out.
    await Promise.all(owed.map((uuid) => ended(uuid, 60_000)));
    await Promise.all(second.map((part) => part.stop()));
  });

  it('live through an outage of Temporal', async () => {
    const both = [await start('workers/main.ts', QUEUES), await start('workers/relay-main.ts')];
    const [worker, relay] = both as [PartProcess, PartProcess];
    await Promise.all(both.map((part) => part.healthy()));
    await server.stop();
    await eventually(async () => assert.equal((await worker.health()).status, 503), 20_000);
    const owed = await oweDelivery();
    await server.start();
    await ended(owed, 60_000);
    assert.equal((await relay.health()).status, 200);
    await worker.healthy();
    assert.deepEqual(await Promise.all(both.map((part) => exitOf(part, 'SIGTERM'))), [0, 0]);
  });

  it('end the record of a build whose workflow is terminated, and let its queue go on', async () => {
    const both = [await start('workers/main.ts', QUEUES), await start('workers/relay-main.ts')];
    await Promise.all(both.map((part) => part.healthy()));
    const { uuid, namespace, repositoryId } = await insertBuild(dataSource, {
      phase: 'waiting',
      createdAtMs: Date.now() - 60_000,
    });
    await runAct({ dataSource, now: Date.now }, SYSTEM, (act) =>
      enqueue(act, {
        kind: 'build.queued',
        orderingKey: `repository:${repositoryId}`,
        payload: {
          buildId: uuid,
          namespace,
          repository: 'app',
          triggerKind: 'custom-git',
          displayName: '1a2b3c4',
        },
      }),
    );
    // No build worker runs here, so the build waits for its slot.
    const handle = server.client.workflow.getHandle(`build:${uuid}`);
    await eventually(async () => assert.equal((await handle.describe()).status.name, 'RUNNING'));
    await handle.terminate();
    await eventually(async () => {
      const build = await dataSource.manager.findOneByOrFail(Build, { uuid });
      assert.equal(build.phase, 'internalerror');
      assert.match(build.errorMessage ?? '', /terminated by an operator/);
    });
    const queue = server.client.workflow.getHandle(`build-queue:${namespace}`);
    await eventually(async () => assert.equal((await queue.describe()).status.name, 'COMPLETED'));
    await Promise.all(both.map((part) => part.stop()));
  });

  it('serve a build host and free it of what dead builds left', async () => {
    const builds = mkdtempSync(join(folder, 'builds-'));
    mkdirSync(join(builds, randomUUID()));
    const part = await startPart({
      script: 'workers/main.ts',
      args: ['--queues', 'build'],
      databaseUrl,
      temporalAddress: server.address,
      env: { BUILD_WORK_DIR: builds, BUILD_HOST_ID: 'host-1' },
    });
    parts.push(part);
    await part.healthy();
    await eventually(() => assert.deepEqual(readdirSync(builds), []));
    await eventually(() => assert.match(part.output(), /"taskQueue":"build:host-1"/));
    assert.equal(await exitOf(part, 'SIGTERM'), 0);
  });

  it('end the record of a delivery whose workflow is terminated', async () => {
    const worker = await start('workers/main.ts', QUEUES);
    await worker.healthy();
    const uuid = randomUUID();
    await dataSource.manager.insert(Delivery, {
      uuid,
      eventId: randomUUID(),
      event: 'repo_push',
      payload: {},
      status: 'pending',
      createdAtMs: Date.now() - 60_000,
    });
    const handle = await server.client.workflow.start('deliverNotification', {
      workflowId: `delivery:${uuid}`,
      taskQueue: 'nobody',
    });
    await handle.terminate();
    await ended(uuid);
    const row = await dataSource.manager.findOneByOrFail(Delivery, { uuid });
    assert.match(row.lastError ?? '', /terminated by an operator/);
    await worker.stop();
  });

  it('wait for a Temporal that is not there yet, say so, and can be stopped meanwhile', async () => {
    const part = await startPart({
      script: 'workers/main.ts',
      args: QUEUES,
      databaseUrl,
      temporalAddress: `127.0.0.1:${await freePort()}`,
    });
    parts.push(part);
    await eventually(() => assert.match(part.output(), /Temporal cannot be reached yet/), 30_000);
    const { status, body } = await part.health();
    assert.deepEqual([status, body.reason], [503, 'Temporal cannot be reached yet']);
    assert.equal(await exitOf(part, 'SIGTERM'), 0);
  });

  it('end with an error when they are told to serve a queue that does not exist', async () => {
    const part = await start('workers/main.ts', ['--queues', 'orchestration,nonsense']);
    await eventually(() => assert.notEqual(part.child.exitCode, null), 30_000);
    assert.equal(part.child.exitCode, 1);
    assert.match(part.output(), /there is no queue "nonsense"/);
  });
});
