import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { Blob, Upload } from '../../db/entities/content';
import { createStorage } from '../../storage/create-storage';
import { blobKey } from '../../storage/keys';
import { freshDatabase } from '../support/database';
import { buildUser, uniqueName } from '../support/factories';
import type { FailingStore } from '../support/failing-store';
import { startFailingStore } from '../support/failing-store';
import { needGoProgram } from '../support/go-program';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, codesOf, sha256 } from '../support/registry-client';
import type { S3Server, TestBucket } from '../support/versitygw';
import { driverOf, startS3Server, VERSITYGW } from '../support/versitygw';

const MIB = 1024 ** 2;

describe('the registry on S3 storage', function () {
  this.timeout(60_000);
  let server: S3Server;
  let bucket: TestBucket;
  let between: FailingStore;
  let one: TestRegistry;
  let two: TestRegistry;
  let client: RegistryClient;
  let other: RegistryClient;
  let repository: string;

  before(async function () {
    server = await startS3Server(await needGoProgram(this, VERSITYGW));
    bucket = await server.newBucket();
    between = await startFailingStore(server.port);
    const { secretKey } = server;
    const driver = driverOf({ port: between.port, secretKey, bucket: bucket.place.bucket });
    const dataSource = await freshDatabase();
    one = await startRegistry({ dataSource, config: bucket.config });
    const config = { DISTRIBUTED_STORAGE_CONFIG: { default: driver }, FEATURE_PROXY_STORAGE: false };
    two = await startRegistry({ dataSource, config, host: one.host });
    const { account } = await buildUser(dataSource, { password: 'secret' });
    const credentials = { username: account.name, password: 'secret' };
    client = new RegistryClient(one.url, credentials);
    other = new RegistryClient(two.url, credentials);
    repository = `${account.name}/${uniqueName('app')}`;
  });
  afterEach(() => {
    between.failing = () => undefined;
  });
  after(async () => {
    await two?.close();
    await one?.close();
    await one?.dataSource.destroy();
    await between?.close();
    await server?.stop();
  });

  async function start(): Promise<{ location: string; uuid: string }> {
    const { headers } = await client.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
    return { location: headers.get('location') ?? '', uuid: headers.get('docker-upload-uuid') ?? '' };
  }

  /** Chunks that come to both processes in turn. */
  async function sendInTurn(location: string, bytes: Buffer, chunkBytes: number): Promise<void> {
    for (let from = 0; from < bytes.length; from += chunkBytes) {
      const body = bytes.subarray(from, from + chunkBytes);
      const headers = { 'content-range': `${from}-${from + body.length - 1}` };
      await (from % (2 * chunkBytes) ? other : client).expect(202, 'PATCH', location, { body, headers });
    }
  }

  async function pull(digest: string, range = 'bytes=0-'): Promise<Buffer> {
    const path = `/v2/${repository}/blobs/${digest}`;
    const answer = await client.expect(206, 'GET', path, { headers: { range } });
    return Buffer.from(await answer.arrayBuffer());
  }

  it('takes an upload whose chunks come to both processes, and gives it back in ranges', async () => {
    const bytes = randomBytes(21 * MIB);
    const digest = sha256(bytes);
    const { location } = await start();
    await sendInTurn(location, bytes, 3 * MIB);
    await other.expect(201, 'PUT', `${location}?digest=${digest}`);
    assert.equal(sha256(await pull(digest)), digest);
    assert.deepEqual(await pull(digest, 'bytes=9000000-9000099'), bytes.subarray(9000000, 9000100));
    assert.deepEqual(await pull(digest, 'bytes=-5'), bytes.subarray(-5));
    const { storageKey } = await one.dataSource.manager.findOneByOrFail(Blob, { digest });
    const keys = await bucket.keys();
    assert.ok(keys.includes(storageKey));
    assert.ok(!keys.some((key) => key.startsWith('uploads/')));
    assert.deepEqual(await bucket.openMultiparts(), []);
  });

  it('stores bytes once that are pushed twice, and drops a push that is cancelled or wrong', async () => {
    const bytes = randomBytes(9 * MIB);
    await client.pushBlob(repository, bytes);
    const keys = await bucket.keys();
    await other.pushBlob(repository, bytes);
    const cancelled = await start();
    await client.expect(202, 'PATCH', cancelled.location, { body: randomBytes(9 * MIB) });
    assert.equal((await bucket.openMultiparts()).length, 1);
    await client.expect(204, 'DELETE', cancelled.location);
    const wrong = await start();
    await client.expect(400, 'PUT', `${wrong.location}?digest=${sha256(bytes)}`, { body: bytes.subarray(1) });
    assert.deepEqual([await bucket.keys(), await bucket.openMultiparts()], [keys, []]);
  });

  it('takes over from a process that died in the middle of a body', async () => {
    const bytes = randomBytes(12 * MIB);
    const { location, uuid } = await start();
    await client.expect(202, 'PATCH', location, { body: bytes.subarray(0, 10 * MIB) });
    await one.dataSource.manager.update(Upload, { uuid }, { leaseUntilMs: Date.now() - 1 });
    const last = { body: bytes.subarray(10 * MIB) };
    await other.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`, last);
    const { storageKey } = await one.dataSource.manager.findOneByOrFail(Blob, { digest: sha256(bytes) });
    assert.equal(storageKey, `blobs/${uuid}.2`);
    assert.ok(!(await bucket.keys()).some((key) => key.includes(`${uuid}.1`)));
  });

  it('finishes an upload whose owner died before it recorded the blob, under its own digest only', async () => {
    const bytes = randomBytes(9 * MIB);
    const digest = sha256(bytes);
    const { location, uuid } = await start();
    await client.expect(202, 'PATCH', location, { body: bytes });
    const { manager } = one.dataSource;
    const { storageKey, id } = await manager.findOneByOrFail(Upload, { uuid });
    const storage = await createStorage(bucket.config);
    await storage.publish(storageKey, blobKey('sha256', digest.slice(7), Number(id)));
    await manager.update(Upload, { uuid }, { leaseUntilMs: Date.now() - 1 });
    await other.expect(201, 'PUT', `${location}?digest=${digest}`);
    assert.equal(sha256(await pull(digest)), digest);

    const lost = await start();
    await client.expect(202, 'PATCH', lost.location, { body: bytes });
    const upload = await manager.findOneByOrFail(Upload, { uuid: lost.uuid });
    await storage.publish(upload.storageKey, blobKey('sha256', digest.slice(7), Number(upload.id)));
    await client.expect(404, 'PUT', `${lost.location}?digest=${sha256('something else')}`);
  });

  it('sends pulls on to the store when it may, and answers HEAD itself', async () => {
    const bytes = randomBytes(MIB);
    const digest = await client.pushBlob(repository, bytes);
    const path = `/v2/${repository}/blobs/${digest}`;
    const sent = await other.expect(307, 'GET', path);
    assert.equal(sent.headers.get('cache-control'), 'no-store');
    assert.equal(sent.headers.get('docker-content-digest'), digest);
    const answer = await fetch(sent.headers.get('location') ?? '');
    assert.equal(sha256(Buffer.from(await answer.arrayBuffer())), digest);
    const headers = { range: 'bytes=5-8' };
    const sentForPart = await other.expect(307, 'GET', path, { headers });
    assert.equal(sentForPart.headers.get('content-range'), null);
    const part = await fetch(sentForPart.headers.get('location') ?? '', { headers });
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(5, 9));
    await other.expect(416, 'GET', path, { headers: { range: `bytes=${MIB}-` } });
    await new RegistryClient(two.url).expect(401, 'GET', path);
    const head = await other.expect(200, 'HEAD', path);
    assert.equal(head.headers.get('content-length'), String(MIB));
    const small = await client.pushBlob(repository, 'small');
    await other.expect(200, 'GET', `/v2/${repository}/blobs/${small}`);
    await client.expect(200, 'GET', path);
  });

  it('answers 503 while the store does not do its work, keeps what it had, and goes on after that', async () => {
    const bytes = randomBytes(12 * MIB);
    const { location } = await start();
    await client.expect(202, 'PATCH', location, { body: bytes.subarray(0, 9 * MIB) });
    between.failing = ({ method }) => (method === 'PUT' ? { status: 403, code: 'AccessDenied' } : undefined);
    const rest = { body: bytes.subarray(9 * MIB) };
    const refused = await other.expect(503, 'PATCH', location, rest);
    assert.equal(refused.headers.get('retry-after'), '5');
    assert.deepEqual(await codesOf(refused), ['UNAVAILABLE']);
    const status = await client.expect(204, 'GET', location);
    assert.equal(status.headers.get('range'), `0-${9 * MIB - 1}`);
    between.failing = () => undefined;
    await other.expect(202, 'PATCH', location, rest);
    await client.expect(201, 'PUT', `${location}?digest=${sha256(bytes)}`);
  });
});
