import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { claimLayer } from '../../commands/scans/layers';
import { createDataSource } from '../../db/data-source';
import { DatabaseClock } from '../../db/database-clock';
import { Upload } from '../../db/entities/content';
import { OutboxRow } from '../../db/entities/outbox';
import { dueFromFuture } from '../../db/stores/outbox-clock';
import { Account } from '../../db/entities/accounts';
import { silentLogger } from '../../telemetry/logger';
import { commitEvent } from '../support/outbox';
import { freshDatabase, sharedDatabase, TEST_SECRET_KEY } from '../support/database';
import { buildUser, uniqueName } from '../support/factories';
import { buildImage, pushImage, putManifest } from '../support/images';
import { mariadb } from '../support/mariadb';
import { freePort } from '../support/processes';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, sha256 } from '../support/registry-client';
import { startPart } from '../support/worker-process';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

describe('a clock that is set anew', () => {
  let registry: TestRegistry;
  let stepMs: number;
  let client: RegistryClient;
  let owner: Account;
  let repository: string;

  before(async () => {
    registry = await startRegistry({ now: () => Date.now() + stepMs });
  });
  after(() => registry.close());
  beforeEach(async () => {
    stepMs = 0;
    owner = (await buildUser(registry.dataSource, { password: 'secret' })).account;
    client = new RegistryClient(registry.url, { username: owner.name, password: 'secret' });
    repository = `${owner.name}/${uniqueName('app')}`;
  });

  async function start(): Promise<string> {
    const response = await client.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
    return response.headers.get('location') ?? '';
  }

  for (const [name, ms] of [
    ['forward', 3 * HOUR_MS],
    ['back', -3 * HOUR_MS],
  ] as const) {
    it(`costs a push under way a new token and nothing else when it goes ${name}`, async () => {
      const bytes = randomBytes(50_000);
      const location = await start();
      await client.expect(202, 'PATCH', location, { body: bytes.subarray(0, 20_000) });
      stepMs = ms;
      const refused = await client.call('PATCH', location, { body: bytes.subarray(20_000) });
      assert.equal(refused.status, 401);
      assert.match(refused.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
      client.forgetTokens();
      await client.expect(202, 'PATCH', location, { body: bytes.subarray(20_000) });
      await client.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`);
      const image = buildImage({ layers: [bytes] });
      assert.equal((await pushImage(client, repository, image, 'v1')).status, 201);
      stepMs = 0;
      client.forgetTokens();
      await client.expect(200, 'GET', `/v2/${repository}/manifests/v1`);
      const next = buildImage({ layers: [bytes], labels: { step: name } });
      await client.pushBlob(repository, next.config.text);
      assert.equal((await putManifest(client, repository, next.body, 'v1')).status, 201);
      const pulled = await client.expect(200, 'GET', `/v2/${repository}/manifests/v1`);
      assert.equal(pulled.headers.get('docker-content-digest'), next.digest);
    });
  }

  it('does not leave an upload to an owner that died before the step', async () => {
    const location = await start();
    await client.expect(202, 'PATCH', location, { body: 'half ' });
    const uuid = location.split('/').at(-1);
    const dead = { leaseOwner: 'a process that died', leaseUntilMs: Date.now() + 2 * HOUR_MS };
    await registry.dataSource.manager.update(Upload, { uuid }, dead);
    await client.expect(202, 'PATCH', location, { body: 'whole' });
    await client.expect(201, 'PUT', `${location}?digest=${sha256('half whole')}`);
  });

  it('does not let a right that was taken away count until the clock is there again', async () => {
    await pushImage(client, repository, buildImage(), 'v1');
    await client.expect(200, 'GET', `/v2/${repository}/manifests/v1`);
    await registry.dataSource.manager.update(Account, { id: owner.id }, { enabled: false });
    // Less than makes the token one of a time to come.
    stepMs = -20_000;
    assert.equal((await client.call('GET', `/v2/${repository}/manifests/v1`)).status, 401);
  });

  it('makes events due that the old time had put off, and leaves all others as they are', async () => {
    const dataSource = await freshDatabase(2);
    try {
      const [claimed, put, paused] = [
        await commitEvent(dataSource, 'a'),
        await commitEvent(dataSource, 'b'),
        await commitEvent(dataSource, 'c'),
      ];
      const { manager } = dataSource;
      const nowMs = Date.now();
      await manager.update(OutboxRow, { eventId: claimed }, { claimedUntilMs: nowMs + 2 * HOUR_MS });
      await manager.update(OutboxRow, { eventId: put }, { availableAtMs: nowMs + 2 * HOUR_MS });
      await manager.update(OutboxRow, { eventId: paused }, { availableAtMs: nowMs + MINUTE_MS });
      assert.equal(await dueFromFuture(dataSource, nowMs), 2);
      const rows = await manager.find(OutboxRow, { order: { id: 'ASC' } });
      const waiting = rows.map((row) => row.claimedUntilMs !== null || row.availableAtMs > nowMs);
      assert.deepEqual(waiting, [false, false, true]);
      assert.equal(await dueFromFuture(dataSource, nowMs), 0);
    } finally {
      await dataSource.destroy();
    }
  });

  it('gives a layer to another reader when its lease ends later than any can', async () => {
    const dataSource = await sharedDatabase();
    const layer = { digest: sha256(randomBytes(8)), indexerState: 'test' };
    const before = { dataSource, now: () => Date.now() + 2 * HOUR_MS };
    const now = { dataSource, now: Date.now };
    assert.equal(await claimLayer(before, layer, 'dead'), 'claimed');
    assert.equal(await claimLayer(now, layer, 'alive'), 'claimed');
    assert.equal(await claimLayer(now, layer, 'third'), 'busy');
  });
});

describe('clocks that differ', function () {
  this.timeout(120_000);

  it('do not keep two processes from trusting the tokens and leases of each other', async () => {
    const dataSource = await freshDatabase(4);
    const right = await startRegistry({ dataSource, host: 'registry.test' });
    const port = await freePort();
    const { database } = dataSource.options as { database: string };
    const wrong = await startPart({
      script: 'serve/main.ts',
      databaseUrl: (await mariadb()).url(database),
      temporalAddress: '127.0.0.1:1',
      env: {
        LISTEN_PORT: String(port),
        DISTRIBUTED_STORAGE_CONFIG: JSON.stringify({
          default: ['LocalStorage', { storage_path: right.storagePath }],
        }),
        NODE_OPTIONS: `--require ${join(__dirname, '..', 'support', 'shifted-clock.cjs')}`,
        TEST_CLOCK_SHIFT_MS: String(20 * MINUTE_MS),
      },
    });
    try {
      await wrong.healthy();
      const urls = [right.url, `http://127.0.0.1:${port}`] as const;
      const { account } = await buildUser(dataSource, { password: 'secret' });
      const path = `/v2/${account.name}/app/blobs/uploads/`;
      for (const [issuer, verifier] of [urls, [urls[1], urls[0]] as const]) {
        const client = new RegistryClient(issuer, { username: account.name, password: 'secret' });
        await client.token(`repository:${account.name}/app:pull,push`);
        const started = await client.at(verifier).expect(202, 'POST', path);
        const location = started.headers.get('location') ?? '';
        await client.expect(202, 'PATCH', location, { body: 'ab' });
        await client.at(verifier).expect(202, 'PATCH', location, { body: 'cd' });
      }
      assert.match(wrong.output(), /the clock of this machine differs/);
    } finally {
      await wrong.stop('SIGKILL');
      await right.close();
      await dataSource.destroy();
    }
  });

  it('do not differ while the database is away: the clock runs on', async () => {
    const dataSource = createDataSource({
      DATABASE_URL: `mysql://nobody@127.0.0.1:${await freePort()}/nothing`,
      DATABASE_SECRET_KEY: TEST_SECRET_KEY,
      DATABASE_POOL_SIZE: 2,
    });
    const clock = new DatabaseClock(dataSource, silentLogger);
    await clock.start();
    clock.stop();
    const first = clock.now();
    assert.ok(Math.abs(first - Date.now()) < MINUTE_MS);
    assert.ok(clock.now() >= first);
  });
});
