import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

import { buildUser, uniqueName } from '../support/factories';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, sha256 } from '../support/registry-client';
import type { SmallDisk } from '../support/small-disk';
import { mountSmallDisk, NO_SMALL_DISK } from '../support/small-disk';

const MIB = 1024 ** 2;
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

interface ErrorBody {
  errors: { code: string; message: string; detail: { request_id?: string } }[];
}

describe('a registry whose disk is full', () => {
  let disk: SmallDisk | undefined;
  let registry: TestRegistry;
  let client: RegistryClient;
  let repository: string;

  before(async function () {
    disk = mountSmallDisk(8);
    if (!disk) {
      console.log(`      ${NO_SMALL_DISK}`);
      return this.skip();
    }
    registry = await startRegistry({ storagePath: disk.path });
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    client = new RegistryClient(registry.url, { username: account.name, password: 'secret' });
    repository = `${account.name}/${uniqueName('app')}`;
  });
  after(async () => {
    await registry?.close();
    disk?.dispose();
  });
  afterEach(() => disk?.empty());

  const own = (): SmallDisk => disk ?? assert.fail('there is no disk');
  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(own().path);
    return Number(bavail) * Number(bsize);
  };

  async function start(): Promise<string> {
    const response = await client.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
    return response.headers.get('location') ?? '';
  }

  async function assertFull(response: Response): Promise<void> {
    assert.equal(response.status, 507);
    assert.equal(response.headers.get('retry-after'), '60');
    const [error] = ((await response.json()) as ErrorBody).errors;
    assert.equal(error?.code, 'BLOB_UPLOAD_INVALID');
    assert.equal(error.message, 'the storage of this registry is full');
    assert.match(error.detail.request_id ?? '', /^[0-9a-f]{8}-/);
  }

  it('refuses a whole blob in one POST and keeps nothing of it', async () => {
    own().fill(MIB);
    const before = freeBytes();
    const bytes = randomBytes(3 * MIB);
    const path = `/v2/${repository}/blobs/uploads/?digest=${sha256(bytes)}`;
    await assertFull(await client.call('POST', path, { body: bytes }));
    assert.equal(freeBytes(), before);
    assert.deepEqual(readdirSync(join(own().path, 'uploads')), []);
    await client.expect(404, 'HEAD', `/v2/${repository}/blobs/${sha256(bytes)}`);
    own().empty();
    await client.expect(201, 'POST', path, { body: bytes });
  });

  it('keeps the session of a chunk that did not fit, which goes on from there when there is room', async () => {
    const bytes = randomBytes(3 * MIB);
    const location = await start();
    const first = bytes.subarray(0, MIB);
    await client.expect(202, 'PATCH', location, { body: first });
    own().fill(MIB / 2);
    const before = freeBytes();
    const rest = { body: bytes.subarray(MIB), headers: { 'content-range': `${MIB}-${bytes.length - 1}` } };
    await assertFull(await client.call('PATCH', location, rest));
    await assertFull(await client.call('PUT', `${location}?digest=${sha256(bytes)}`, rest));
    assert.equal(freeBytes(), before, 'what the chunk wrote is freed');
    const status = await client.expect(204, 'GET', location);
    assert.equal(status.headers.get('range'), `0-${MIB - 1}`);
    await client.expect(404, 'HEAD', `/v2/${repository}/blobs/${sha256(bytes)}`);
    own().empty();
    await client.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`, rest);
    const pulled = await client.expect(200, 'GET', `/v2/${repository}/blobs/${sha256(bytes)}`);
    assert.equal(sha256(Buffer.from(await pulled.arrayBuffer())), sha256(bytes));
  });

  it('goes on with pulls, pings, manifests and what still fits', async () => {
    const config = randomBytes(20_000);
    const digest = await client.pushBlob(repository, config);
    own().fill(300_000);
    await assertFull(await client.call('PATCH', await start(), { body: randomBytes(2 * MIB) }));
    const small = await client.pushBlob(repository, randomBytes(30_000));
    await client.expect(200, 'HEAD', `/v2/${repository}/blobs/${small}`);
    own().fill();
    await client.expect(200, 'GET', '/v2/', { scope: `repository:${repository}:pull` });
    await client.expect(200, 'GET', `/v2/${repository}/blobs/${digest}`);
    // Manifests live in the database: an image whose blobs are all there can still be tagged.
    const body = JSON.stringify({
      ...{ schemaVersion: 2, mediaType: MANIFEST, layers: [] },
      config: { mediaType: CONFIG, digest, size: config.length },
    });
    const headers = { 'content-type': MANIFEST };
    await client.expect(201, 'PUT', `/v2/${repository}/manifests/full`, { body, headers });
    await client.expect(200, 'GET', `/v2/${repository}/manifests/full`);
  });

  it('is told apart from one that cannot be written to, whose finished bytes need not be sent again', async () => {
    const bytes = randomBytes(MIB);
    const location = await start();
    await client.expect(202, 'PATCH', location, { body: bytes });
    own().setReadOnly(true);
    try {
      const refused = await client.call('PUT', `${location}?digest=${sha256(bytes)}`);
      assert.equal(refused.status, 503);
      assert.equal(refused.headers.get('retry-after'), '60');
      const [error] = ((await refused.json()) as ErrorBody).errors;
      assert.equal(error?.code, 'UNAVAILABLE');
      assert.equal(error.message, 'the storage of this registry cannot be written to');
      const whole = `/v2/${repository}/blobs/uploads/?digest=${sha256(randomBytes(10))}`;
      assert.equal((await client.call('POST', whole, { body: randomBytes(10) })).status, 503);
      await client.expect(404, 'HEAD', `/v2/${repository}/blobs/${sha256(bytes)}`);
    } finally {
      own().setReadOnly(false);
    }
    await client.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`);
    await client.expect(200, 'GET', `/v2/${repository}/blobs/${sha256(bytes)}`);
  });
});
