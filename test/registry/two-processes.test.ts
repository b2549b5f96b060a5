import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mock } from 'node:test';

import type { Pool } from 'mysql2';

import { ServiceKey } from '../../db/entities/accounts';
import { Blob, Upload } from '../../db/entities/content';
import { parseDigest } from '../../model/digests';
import { FilesystemStorage } from '../../storage/filesystem';
import { blobKey, uploadKey } from '../../storage/keys';
import { freshDatabase } from '../support/database';
import { buildUser, uniqueName } from '../support/factories';
import { buildImage, pushImage, putManifest } from '../support/images';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, codesOf, sha256 } from '../support/registry-client';

type Answered = (error: unknown, rows: unknown, fields: unknown) => void;

describe('two processes of the registry', () => {
  let one: TestRegistry;
  let two: TestRegistry;
  let client: RegistryClient;
  let other: RegistryClient;
  let repository: string;

  before(async () => {
    const dataSource = await freshDatabase();
    one = await startRegistry({ dataSource });
    two = await startRegistry({ dataSource, storagePath: one.storagePath, host: one.host });
    const { account } = await buildUser(dataSource, { password: 'secret' });
    const credentials = { username: account.name, password: 'secret' };
    client = new RegistryClient(one.url, credentials);
    other = new RegistryClient(two.url, credentials);
    repository = `${account.name}/${uniqueName('app')}`;
  });
  after(async () => {
    await two.close();
    await one.close();
    await one.dataSource.destroy();
  });

  const chunk = (bytes: Buffer, from: number) => ({
    body: bytes,
    headers: { 'content-range': `${from}-${from + bytes.length - 1}` },
  });

  async function start(): Promise<string> {
    const response = await client.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
    return response.headers.get('location') ?? '';
  }

  it('make one key pair between them and trust the tokens of each other', async () => {
    const scope = `repository:${repository}:pull,push`;
    await Promise.all([client.token(scope), other.token(scope)]);
    assert.equal(await one.dataSource.manager.count(ServiceKey), 1);
    await other.at(one.url).expect(200, 'GET', '/v2/', { scope });
    await client.at(two.url).expect(200, 'GET', '/v2/', { scope });
  });

  it('share an upload whose chunks come to both in turn', async () => {
    const bytes = randomBytes(50_000);
    const location = await start();
    for (let at = 0; at < 40_000; at += 10_000) {
      const process = at % 20_000 === 0 ? client : other;
      await process.expect(202, 'PATCH', location, chunk(bytes.subarray(at, at + 10_000), at));
    }
    await other.expect(
      201,
      'PUT',
      `${location}?digest=${sha256(bytes)}`,
      chunk(bytes.subarray(40_000), 40_000),
    );
    const stored = await client.expect(200, 'GET', `/v2/${repository}/blobs/${sha256(bytes)}`);
    assert.deepEqual(Buffer.from(await stored.arrayBuffer()), bytes);
  });

  it('never mix two bodies that are sent at once: one is taken, the other refused', async () => {
    const location = await start();
    const [a, b] = [Buffer.alloc(400_000, 'a'), Buffer.alloc(400_000, 'b')];
    const answers = await Promise.all([
      client.call('PATCH', location, chunk(a, 0)),
      other.call('PATCH', location, chunk(b, 0)),
    ]);
    assert.deepEqual(answers.map((answer) => answer.status).sort(), [202, 416]);
    const winner = answers[0]?.status === 202 ? a : b;
    await client.expect(201, 'PUT', `${location}?digest=${sha256(winner)}`);
  });

  it('take over from one that died in the middle of a body: what it recorded counts, late writes do not', async () => {
    const bytes = randomBytes(30_000);
    const location = await start();
    const uuid = location.split('/').at(-1) ?? '';
    await client.expect(202, 'PATCH', location, chunk(bytes.subarray(0, 10_000), 0));
    const { manager } = one.dataSource;
    // The first process holds the lease of a body, and has written more than it ever recorded.
    await manager.update(Upload, { uuid }, { leaseUntilMs: Date.now() - 1 });
    const { storageKey } = await manager.findOneByOrFail(Upload, { uuid });
    appendFileSync(join(one.storagePath, storageKey), 'written after the crash');
    await other.expect(202, 'PATCH', location, chunk(bytes.subarray(10_000, 20_000), 10_000));
    const taken = await manager.findOneByOrFail(Upload, { uuid });
    assert.equal(taken.epoch, 2);
    assert.equal(taken.storageKey, uploadKey(uuid, 2));
    const last = chunk(bytes.subarray(20_000), 20_000);
    await client.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`, last);
  });

  it('finish an upload whose owner died between publishing its bytes and recording them', async () => {
    const bytes = randomBytes(20_000);
    const digest = sha256(bytes);
    const location = await start();
    const uuid = location.split('/').at(-1) ?? '';
    await client.expect(202, 'PATCH', location, { body: bytes });
    const { manager } = one.dataSource;
    const upload = await manager.findOneByOrFail(Upload, { uuid });
    const key = blobKey('sha256', parseDigest(digest)?.hex ?? '', upload.id * 1000 + upload.epoch);
    mkdirSync(dirname(join(one.storagePath, key)), { recursive: true });
    renameSync(join(one.storagePath, upload.storageKey), join(one.storagePath, key));
    await manager.update(Upload, { uuid }, { leaseUntilMs: Date.now() - 1 });
    const status = await other.expect(204, 'GET', location);
    assert.equal(status.headers.get('range'), '0-19999');
    await other.expect(201, 'PUT', `${location}?digest=${digest}`);
    assert.equal((await manager.findOneByOrFail(Blob, { digest })).storageKey, key);
    const stored = await client.expect(200, 'GET', `/v2/${repository}/blobs/${digest}`);
    assert.deepEqual(Buffer.from(await stored.arrayBuffer()), bytes);
  });

  it('forget a session whose bytes are gone, so that the client begins anew', async () => {
    const location = await start();
    const uuid = location.split('/').at(-1) ?? '';
    await client.expect(202, 'PATCH', location, { body: 'lost with a disk' });
    const { manager } = one.dataSource;
    const { storageKey } = await manager.findOneByOrFail(Upload, { uuid });
    rmSync(join(one.storagePath, storageKey));
    await other.expect(404, 'PATCH', location, { body: 'more' });
    await client.expect(404, 'GET', location);
  });

  it('keep bytes that the second one recorded while the first, slow in its commit, lost the session', async () => {
    const bytes = randomBytes(20_000);
    const digest = sha256(bytes);
    const location = await start();
    const uuid = location.split('/').at(-1) ?? '';
    await client.expect(202, 'PATCH', location, { body: bytes });
    const { manager } = one.dataSource;
    const published = pausePublishing();
    const first = client.call('PUT', `${location}?digest=${digest}`);
    const goOn = await published;
    await manager.update(Upload, { uuid }, { leaseUntilMs: Date.now() - 1 });
    await other.expect(201, 'PUT', `${location}?digest=${digest}`);
    goOn();
    assert.equal((await first).status, 404);
    const stored = await client.expect(200, 'GET', `/v2/${repository}/blobs/${digest}`);
    assert.deepEqual(Buffer.from(await stored.arrayBuffer()), bytes);
  });

  it('do not call a tag expired that one puts for the first time while the other looks for it', async () => {
    const image = buildImage();
    await pushImage(client, repository, image);
    const reading = afterNext('FROM tag t JOIN manifest', () =>
      putManifest(other, repository, image.body, 'brand-new'),
    );
    const missed = await client.call('GET', `/v2/${repository}/manifests/brand-new`);
    assert.equal((await reading).status, 201);
    assert.deepEqual([missed.status, await codesOf(missed)], [404, ['MANIFEST_UNKNOWN']]);
    await client.expect(200, 'GET', `/v2/${repository}/manifests/brand-new`);
    await client.expect(202, 'DELETE', `/v2/${repository}/manifests/brand-new`);
    const ended = await other.call('GET', `/v2/${repository}/manifests/brand-new`);
    assert.deepEqual(await codesOf(ended), ['TAG_EXPIRED']);
  });

  /** Does something when the next read like this has its rows, before it goes on with them. */
  function afterNext<T>(statement: string, act: () => Promise<T>): Promise<T> {
    const { pool } = one.dataSource.driver as unknown as { pool: Pool };
    const execute = pool.execute.bind(pool) as (...args: unknown[]) => unknown;
    return new Promise((resolve, reject) => {
      const { mock: spy } = mock.method(pool, 'execute', (sql: string, values: unknown[], done: Answered) => {
        if (!sql.includes(statement)) return execute(sql, values, done);
        spy.restore();
        return execute(sql, values, (...answer: Parameters<Answered>) => {
          act()
            .then(resolve, reject)
            .finally(() => done(...answer));
        });
      });
    });
  }

  /** Stops the next one who publishes behind the rename; resolves with what lets it go on. */
  function pausePublishing(): Promise<() => void> {
    return new Promise((resolve) => {
      const { mock: pause } = mock.method(
        FilesystemStorage.prototype,
        'publish',
        async function (this: FilesystemStorage, fromKey: string, toKey: string) {
          pause.restore();
          const key = await this.publish(fromKey, toKey);
          await new Promise<void>((goOn) => resolve(goOn));
          return key;
        },
      );
    });
  }
});
