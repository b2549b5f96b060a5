import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import type { DataSource } from 'typeorm';

import type { PurgeActivities } from '../../activities/maintain/purge';
import { createPurgeActivities } from '../../activities/maintain/purge';
import { AppToken } from '../../db/entities/accounts';
import { Upload } from '../../db/entities/content';
import { LoginBackoffRow, LoginFloodRow } from '../../db/entities/logins';
import { OutboxRow } from '../../db/entities/outbox';
import { purgeExpired } from '../../workflows/purge-expired';
import { QUEUES } from '../../workflows/shared/queues';
import { freshDatabase } from '../support/database';
import { buildOrganization, buildRepository, buildUser } from '../support/factories';
import { deliveryEvent } from '../support/outbox';
import { recordHistory } from '../support/replay';
import { queueName, runWithWorker } from '../support/temporal';

const DAY_MS = 86_400_000;

describe('purgeExpired', function () {
  this.timeout(60_000);
  let dataSource: DataSource;
  const now = Date.now();
  const discarded: string[] = [];

  before(async () => {
    dataSource = await freshDatabase();
  });
  after(() => dataSource.destroy());

  function activities(): PurgeActivities {
    const storage = { discardUpload: (key: string) => Promise.resolve(void discarded.push(key)) };
    return createPurgeActivities({ dataSource, storage, now: () => now });
  }

  function purge(scenario: string, hosted: PurgeActivities) {
    const taskQueue = queueName('purge');
    return runWithWorker({ taskQueue, queues: { [QUEUES.maintenance]: hosted } }, async ({ client }) => {
      const handle = await client.workflow.start(purgeExpired, {
        workflowId: taskQueue,
        taskQueue,
        args: [{ timings: { retryInitialMs: 5 } }],
      });
      const report = await handle.result();
      await recordHistory(handle, `purge-expired.${scenario}`);
      return report;
    });
  }

  it('deletes what was delivered a day ago, however much, and no other row of the outbox', async () => {
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
    assert.equal((await purge('success', activities())).outboxRows, old.length);
    const rest = await dataSource.manager.find(OutboxRow, { order: { id: 'ASC' } });
    assert.deepEqual(
      rest.map((one) => one.eventId),
      kept.map((one) => one.eventId),
    );
  });

  it('removes upload sessions that have expired, with their bytes, also when storage fails at first', async () => {
    const { account } = await buildOrganization(dataSource);
    const { id: repositoryId } = await buildRepository(dataSource, { namespace: account });
    const upload = (storageKey: string, expiresAtMs: number) => ({
      uuid: randomUUID(),
      repositoryId,
      receivedBytes: 0,
      storageKey,
      epoch: 0,
      createdAtMs: 1,
      expiresAtMs,
    });
    await dataSource.manager.insert(Upload, [upload('old', now), upload('young', now + 1)]);
    let failures = 0;
    const storage = {
      discardUpload: (key: string) => {
        if ((failures += 1) === 1) return Promise.reject(new Error('the disk is away'));
        return Promise.resolve(void discarded.push(key));
      },
    };
    const report = await purge('retry', createPurgeActivities({ dataSource, storage, now: () => now }));
    assert.equal(report.uploads, 1);
    assert.deepEqual(discarded, ['old']);
    const rest = await dataSource.manager.find(Upload);
    assert.deepEqual(
      rest.map((one) => one.storageKey),
      ['young'],
    );
  });

  it('forgets wrong passwords when their time has come, and app tokens a day later', async () => {
    const counted = { subject: 'a'.repeat(64), failures: 1, blockedUntilMs: 1 };
    await dataSource.manager.insert(LoginBackoffRow, [
      { ...counted, address: '192.0.2.1', expiresAtMs: now },
      { ...counted, address: '192.0.2.2', expiresAtMs: now + 1 },
    ]);
    await dataSource.manager.insert(LoginFloodRow, [
      { scope: '192.0.2.1', drainedAtMs: now },
      { scope: '192.0.2.2', drainedAtMs: now + 1 },
    ]);
    const { account } = await buildUser(dataSource);
    const token = (code: string, expiresAtMs: number | null) => ({
      ...{ uuid: randomUUID(), accountId: account.id, title: 'laptop', code, secret: 'sealed' },
      ...{ createdAtMs: 1, expiresAtMs },
    });
    await dataSource.manager.insert(AppToken, [
      token('dead', now - DAY_MS),
      token('expired', now - DAY_MS + 1),
      token('endless', null),
    ]);
    assert.equal((await purge('logins', activities())).logins, 3);
    const tokens = await dataSource.manager.find(AppToken, { order: { id: 'ASC' } });
    assert.deepEqual(
      tokens.map((one) => one.code),
      ['expired', 'endless'],
    );
    const backoffs = await dataSource.manager.find(LoginBackoffRow);
    const floods = await dataSource.manager.find(LoginFloodRow);
    assert.deepEqual(
      [backoffs.map((one) => one.address), floods.map((one) => one.scope)],
      [['192.0.2.2'], ['192.0.2.2']],
    );
  });
});
