import { strict as assert } from 'node:assert';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { Blob, BlobAlias, Upload } from '../../db/entities/content';
import { blobKey } from '../../storage/keys';
import { buildUser, uniqueName } from '../support/factories';
import { buildImage, putManifest } from '../support/images';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, codesOf, sha256 } from '../support/registry-client';

function sha512(bytes: Buffer | string): string {
  return `sha512:${createHash('sha512').update(bytes).digest('hex')}`;
}

describe('blobs of which a client knows another digest', () => {
  let registry: TestRegistry;
  let client: RegistryClient;
  let namespace: string;
  let repository: string;

  before(async () => {
    registry = await startRegistry();
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    namespace = account.name;
    client = new RegistryClient(registry.url, { username: namespace, password: 'secret' });
  });
  beforeEach(() => {
    repository = `${namespace}/${uniqueName('app')}`;
  });
  after(() => registry.close());

  const uploads = (into = repository) => `/v2/${into}/blobs/uploads/`;
  const blob = (digest: string, of = repository) => `/v2/${of}/blobs/${digest}`;
  const push = (bytes: Buffer, into = repository) =>
    client.expect(201, 'POST', `${uploads(into)}?digest=${sha512(bytes)}`, { body: bytes });
  const rowsOf = (bytes: Buffer) => registry.dataSource.manager.findBy(Blob, { digest: sha256(bytes) });

  it('are stored once, and read by either', async () => {
    const bytes = randomBytes(5_000);
    const pushed = await push(bytes);
    assert.equal(pushed.headers.get('location'), blob(sha512(bytes)));
    await push(bytes, `${repository}-again`);
    await client.pushBlob(`${repository}-other`, bytes);
    const [row, ...others] = await rowsOf(bytes);
    assert.deepEqual(others, []);
    const { manager } = registry.dataSource;
    assert.equal(await manager.countBy(Blob, { digest: sha512(bytes) }), 0);
    assert.equal(await manager.countBy(BlobAlias, { digest: sha512(bytes), blobId: row?.id }), 1);
    const folder = dirname(join(registry.storagePath, row?.storageKey ?? ''));
    assert.equal(readdirSync(folder).filter((name) => name.startsWith(sha512(bytes).slice(7))).length, 1);
    for (const digest of [sha256(bytes), sha512(bytes)]) {
      const response = await client.expect(200, 'GET', blob(digest));
      assert.equal(response.headers.get('docker-content-digest'), digest);
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
      await client.expect(200, 'HEAD', blob(digest, `${repository}-other`));
    }
  });

  it('are not found by a digest that nobody has announced', async () => {
    const bytes = randomBytes(100);
    await client.pushBlob(repository, bytes);
    const response = await client.call('GET', blob(sha512(bytes)));
    assert.deepEqual([response.status, await codesOf(response)], [404, ['BLOB_UNKNOWN']]);
  });

  it('are not told to who has no link to them', async () => {
    const bytes = randomBytes(100);
    await push(bytes);
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    const stranger = new RegistryClient(registry.url, { username: account.name, password: 'secret' });
    const own = `${account.name}/own`;
    await stranger.pushBlob(own, 'makes the repository');
    await stranger.expect(404, 'HEAD', blob(sha512(bytes), own));
    await stranger.expect(202, 'POST', `${uploads(own)}?mount=${sha512(bytes)}`);
  });

  it('are hashed as they come, in chunks whose last one tells the algorithm too', async () => {
    const bytes = randomBytes(9_000);
    const started = await client.expect(202, 'POST', uploads());
    const location = started.headers.get('location') ?? '';
    await client.expect(202, 'PATCH', location, { body: bytes.subarray(0, 4_000) });
    await client.expect(201, 'PUT', `${location}?digest=${sha512(bytes)}`, { body: bytes.subarray(4_000) });
    for (const digest of [sha256(bytes), sha512(bytes)]) await client.expect(200, 'HEAD', blob(digest));
  });

  it('are what manifests name, by either digest and both', async () => {
    const image = buildImage({ layers: [uniqueName('one'), uniqueName('two')] });
    const [first, second] = image.layers;
    for (const { bytes } of image.layers) await push(bytes);
    await push(Buffer.from(image.config.text));
    const body = image.body.replace(first?.digest ?? '', sha512(first?.bytes ?? ''));
    assert.equal((await putManifest(client, repository, body, 'v1')).status, 201);
    for (const bytes of [first?.bytes ?? '', second?.bytes ?? '']) {
      for (const digest of [sha256(bytes), sha512(bytes)]) await client.expect(405, 'DELETE', blob(digest));
    }
  });

  it('are mounted and deleted by either', async () => {
    const bytes = randomBytes(100);
    await push(bytes, `${repository}-source`);
    for (const query of [`?mount=${sha512(bytes)}&from=${repository}-source`, `?mount=${sha512(bytes)}`]) {
      const mounted = await client.expect(201, 'POST', `${uploads()}${query}`);
      assert.equal(mounted.headers.get('docker-content-digest'), sha512(bytes));
    }
    await client.expect(202, 'DELETE', blob(sha512(bytes)));
    for (const digest of [sha256(bytes), sha512(bytes)]) await client.expect(404, 'HEAD', blob(digest));
    await client.expect(200, 'HEAD', blob(sha256(bytes), `${repository}-source`));
  });

  it('are recorded by the digest of their bytes when whoever published them died', async () => {
    const bytes = randomBytes(20_000);
    const started = await client.expect(202, 'POST', uploads());
    const location = started.headers.get('location') ?? '';
    const uuid = location.split('/').at(-1) ?? '';
    await client.expect(202, 'PATCH', location, { body: bytes });
    const { manager } = registry.dataSource;
    const upload = await manager.findOneByOrFail(Upload, { uuid });
    const key = blobKey('sha512', sha512(bytes).slice(7), upload.id * 1000 + upload.epoch);
    mkdirSync(dirname(join(registry.storagePath, key)), { recursive: true });
    renameSync(join(registry.storagePath, upload.storageKey), join(registry.storagePath, key));
    await client.expect(201, 'PUT', `${location}?digest=${sha512(bytes)}`);
    assert.deepEqual(
      (await rowsOf(bytes)).map((row) => row.storageKey),
      [key],
    );
    await client.expect(200, 'GET', blob(sha512(bytes)));
  });
});
