import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';

import { PutObjectCommand } from '@aws-sdk/client-s3';
import pino from 'pino';

import { createStorage, createStorageToRead } from '../../storage/create-storage';
import type { Storage } from '../../storage/driver';
import { hashUpload } from '../../storage/driver';
import {
  BlobMissingError,
  StorageFullError,
  StorageUnavailableError,
  UploadMissingError,
} from '../../storage/errors';
import { blobKey, uploadKey } from '../../storage/keys';
import { S3Multiparts } from '../../storage/s3/s3-multiparts';
import { S3Storage } from '../../storage/s3/s3-storage';
import { Transfers } from '../../storage/transfers';
import { eventually } from '../support/eventually';
import type { FailingStore } from '../support/failing-store';
import { startFailingStore } from '../support/failing-store';
import { needGoProgram } from '../support/go-program';
import type { S3Server, TestBucket } from '../support/versitygw';
import { driverOf, startS3Server, VERSITYGW } from '../support/versitygw';
import { describeStorage } from './driver-contract';
import { describeListing } from './listing-contract';

const MIB = 1024 ** 2;
/** Two parts and a tail. */
const CONTENT = randomBytes(20 * MIB + 12_345);

describe('S3Storage', function () {
  this.timeout(20_000);
  let server: S3Server;
  let bucket: TestBucket;
  let storage: Storage;
  let key: string;

  before(async function () {
    server = await startS3Server(await needGoProgram(this, VERSITYGW));
  });
  after(() => server?.stop());
  beforeEach(async () => {
    bucket = await server.newBucket();
    storage = await createStorage(bucket.config);
    key = uploadKey(randomUUID(), 1);
  });

  const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  const nameOf = (bytes: Buffer): string => blobKey('sha256', sha256(bytes), 1);

  async function send(bytes: Buffer, { offset = 0, by = storage, to = key } = {}): Promise<void> {
    const writer = await by.openUpload(to, { offset });
    await writer.append(Readable.from([bytes]));
    await writer.close();
  }

  async function assertPublishes(expected: Buffer, from = key): Promise<void> {
    const stored = await storage.publish(from, nameOf(expected));
    assert.equal(sha256(await buffer((await storage.readBlob(stored)).stream)), sha256(expected));
    assert.deepEqual([await bucket.keys(), await bucket.openMultiparts()], [[stored], []]);
  }

  describe('with the contract of all drivers', () => {
    describeStorage('s3', async () => createStorage((await server.newBucket()).config));
    describeListing('s3', async () => createStorage((await server.newBucket()).config));
  });

  describe('an upload of several parts', () => {
    it('goes on in another process wherever it was left, and leaves nothing but the blob', async () => {
      const other = await createStorage(bucket.config);
      const cuts = [0, 1000, 3 * MIB, 8 * MIB, 8 * MIB + 1, 19 * MIB, CONTENT.length];
      for (const [at, end] of cuts.slice(1).entries()) {
        const offset = cuts[at] ?? 0;
        await send(CONTENT.subarray(offset, end), { offset, by: at % 2 ? other : storage });
        assert.equal(await storage.uploadSize(key), end);
      }
      await assertPublishes(CONTENT);
    });

    it('can be read before it is published, and go on after that', async () => {
      const other = await createStorage(bucket.config);
      await send(CONTENT.subarray(0, 18 * MIB));
      const hash = createHash('sha256');
      await hashUpload(other, key, hash);
      assert.equal(hash.digest('hex'), sha256(CONTENT.subarray(0, 18 * MIB)));
      await send(CONTENT.subarray(18 * MIB), { offset: 18 * MIB, by: other });
      await assertPublishes(CONTENT);
    });

    it('that was read is published as it is', async () => {
      await send(CONTENT);
      await hashUpload(storage, key, createHash('sha256'));
      assert.deepEqual(await bucket.openMultiparts(), []);
      await assertPublishes(CONTENT);
    });

    it('forgets what lies behind the offset, within a part too', async () => {
      await send(randomBytes(20 * MIB));
      await send(CONTENT.subarray(0, 20 * MIB));
      await send(CONTENT.subarray(10 * MIB), { offset: 10 * MIB });
      await assertPublishes(CONTENT);
    });

    it('goes on from what was recorded when its writer died with parts on their way', async () => {
      const taken = key.replace(/1$/, '2');
      await send(CONTENT.subarray(0, 9 * MIB));
      const dead = await storage.openUpload(key, { offset: 9 * MIB });
      await dead.append(Readable.from([randomBytes(12 * MIB)]));
      assert.equal(await storage.uploadSize(key), 9 * MIB);
      await storage.copyUpload(key, taken, 9 * MIB);
      await storage.discardUpload(key);
      await send(CONTENT.subarray(9 * MIB), { offset: 9 * MIB, to: taken });
      await assertPublishes(CONTENT, taken);
    });

    it('is taken over under a new epoch, where a late owner neither reaches it nor ends well', async () => {
      const taken = key.replace(/1$/, '2');
      await send(CONTENT.subarray(0, 17 * MIB));
      const late = await storage.openUpload(key, { offset: 17 * MIB });
      await storage.copyUpload(key, taken, 17 * MIB);
      const stored = late.append(Readable.from([randomBytes(12 * MIB)])).then(() => late.close());
      await assert.rejects(stored, StorageUnavailableError);
      assert.equal(late.sizeBytes, 17 * MIB);
      await send(CONTENT.subarray(17 * MIB), { offset: 17 * MIB, to: taken });
      await storage.discardUpload(key);
      await assertPublishes(CONTENT, taken);
    });

    it('leaves nothing when it is discarded, recorded, joined or never recorded', async () => {
      await send(CONTENT);
      await storage.discardUpload(key);
      await send(CONTENT);
      await hashUpload(storage, key, createHash('sha256'));
      await storage.discardUpload(key);
      const dead = await storage.openUpload(key, { offset: 0 });
      await dead.append(Readable.from([CONTENT]));
      assert.equal((await bucket.openMultiparts()).length, 1);
      await storage.discardUpload(key);
      assert.deepEqual([await bucket.keys(), await bucket.openMultiparts()], [[], []]);
    });

    it('whose parts are gone is missing, and not made up from what is left', async () => {
      await send(CONTENT);
      const [target = ''] = await bucket.openMultiparts();
      await new S3Multiparts(bucket.place).abortAll(target);
      await assert.rejects(storage.publish(key, nameOf(CONTENT)), UploadMissingError);
      await assert.rejects(storage.openUpload(key, { offset: CONTENT.length }), UploadMissingError);
    });
  });

  it('puts large objects in parts, and none of them when the source breaks', async () => {
    assert.equal(await storage.putObject('objects/large', Readable.from([CONTENT])), CONTENT.length);
    const { stream } = await storage.getObject('objects/large');
    assert.equal(sha256(await buffer(stream)), sha256(CONTENT));
    async function* breaking() {
      yield await Promise.resolve(CONTENT);
      throw new Error('engine gone');
    }
    await assert.rejects(storage.putObject('objects/broken', Readable.from(breaking())), /engine gone/);
    assert.deepEqual([await bucket.keys(), await bucket.openMultiparts()], [['objects/large'], []]);
  });

  it('lists uploads once with all their bytes, those of dead writers too, and nothing beside its folder', async () => {
    const { client, bucket: name } = bucket.place;
    const beside = ['notes', 'some/registry-2/blobs/x', 'some/registry/notes', 'some/registry/blobs/'];
    for (const at of beside) {
      const call = { Bucket: name, Key: at, Body: Buffer.alloc(0), ContentLength: 0 };
      await client.send(new PutObjectCommand(call));
    }
    await send(CONTENT);
    const dead = uploadKey(randomUUID(), 4);
    const writer = await storage.openUpload(dead, { offset: 0 });
    await writer.append(Readable.from([CONTENT.subarray(0, 9 * MIB)]));
    await bucket.beginMultipart('objects/build-logs/cut');
    await bucket.beginMultipart('blobs/strange');
    const list = async () => {
      const listed: [string, string, number | undefined][] = [];
      for await (const { key: at, kind, look } of storage.listFiles()) {
        listed.push([at, kind, (await look())?.sizeBytes]);
      }
      return listed.sort();
    };
    const expected: Awaited<ReturnType<typeof list>> = [
      [key, 'upload', CONTENT.length],
      [dead, 'upload', 8 * MIB],
      ['objects/build-logs/cut', 'temporary', 0],
      ['blobs/strange', 'unknown', 0],
    ];
    // Its part may still be on the way.
    await eventually(async () => assert.deepEqual(await list(), expected.sort()));
  });

  it('is opened by who only reads without a trace, and refused when the bucket is missing', async () => {
    const reader = await createStorageToRead(bucket.config);
    assert.deepEqual([await bucket.keys(), await bucket.openMultiparts()], [[], []]);
    await send(CONTENT.subarray(0, 10));
    assert.equal(await reader.uploadSize(key), 10);
    const driver = driverOf({ port: server.port, secretKey: server.secretKey, bucket: 'no-such-bucket' });
    await assert.rejects(
      createStorageToRead({ DISTRIBUTED_STORAGE_CONFIG: { default: driver } }),
      StorageUnavailableError,
    );
  });

  it('gives a link to a blob that needs no key, and to nothing else', async () => {
    const bytes = randomBytes(1000);
    await send(bytes);
    const stored = await storage.publish(key, nameOf(bytes));
    assert.equal(await storage.blobFile(stored), undefined);
    const link = await storage.blobLink(stored);
    const answer = await fetch(link ?? '', { headers: { range: 'bytes=10-19' } });
    assert.equal(answer.status, 206);
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), bytes.subarray(10, 20));
    const other = await fetch((link ?? '').replace('/blobs/', '/uploads/'));
    assert.equal(other.status, 403);
    await other.arrayBuffer();
  });

  it('counts no transfer and holds no byte when all is done', async () => {
    const transfers = new Transfers();
    const own = new S3Storage(bucket.place, transfers);
    await send(CONTENT, { by: own });
    const { stream, sendTo } = await own.readBlob(await own.publish(key, nameOf(CONTENT)));
    assert.equal(transfers.active, 1);
    stream.destroy();
    await assert.rejects(sendTo(new PassThrough()));
    await eventually(() => assert.deepEqual([transfers.active, transfers.bufferedBytes], [0, 0]));
  });

  describe('with a store that fails', () => {
    let between: FailingStore;
    beforeEach(async () => {
      between = await startFailingStore(server.port);
      const { secretKey } = server;
      const { bucket: name } = bucket.place;
      const driver = driverOf({ port: between.port, secretKey, bucket: name });
      storage = await createStorage({ DISTRIBUTED_STORAGE_CONFIG: { default: driver } });
    });
    afterEach(() => between.close());

    it('tries again when it is told to slow down', async () => {
      const told = new Set<string>();
      between.failing = ({ method, url }) => {
        const call = `${method} ${url}`;
        if (told.size > 2 || told.has(call)) return undefined;
        told.add(call);
        return { status: 503, code: 'SlowDown' };
      };
      await send(CONTENT);
      await assertPublishes(CONTENT);
      assert.equal(told.size, 3);
    });

    it('is what it was before a part was refused, and goes on when the store does', async () => {
      await send(CONTENT.subarray(0, 9 * MIB));
      between.failing = ({ method, url }) =>
        method === 'PUT' && /partNumber=3/.test(url) ? { status: 403, code: 'AccessDenied' } : undefined;
      const writer = await storage.openUpload(key, { offset: 9 * MIB });
      const appended = writer.append(Readable.from([CONTENT.subarray(9 * MIB), randomBytes(8 * MIB)]));
      await assert.rejects(
        appended.then(() => writer.close()),
        StorageUnavailableError,
      );
      await writer.close();
      assert.deepEqual([writer.sizeBytes, await storage.uploadSize(key)], [9 * MIB, 9 * MIB]);
      between.failing = () => undefined;
      await send(CONTENT.subarray(9 * MIB), { offset: 9 * MIB });
      await assertPublishes(CONTENT);
    });

    it('leaves no parts of an upload that was refused from the start', async () => {
      between.failing = ({ method, url }) =>
        method === 'PUT' && /partNumber=2/.test(url) ? { status: 507, code: 'QuotaExceeded' } : undefined;
      const writer = await storage.openUpload(key, { offset: 0 });
      const stored = writer.append(Readable.from([CONTENT])).then(() => writer.close());
      await assert.rejects(stored, StorageFullError);
      await writer.close();
      assert.equal(writer.sizeBytes, 0);
      assert.equal(await storage.uploadSize(key), undefined);
      assert.deepEqual(await bucket.openMultiparts(), []);
    });

    it('takes back what could not be stored at the end of a body', async () => {
      between.failing = ({ method }) =>
        method === 'PUT' ? { status: 403, code: 'AccessDenied' } : undefined;
      const writer = await storage.openUpload(key, { offset: 0 });
      assert.equal(await writer.append(Readable.from([Buffer.from('few')])), 3);
      await assert.rejects(writer.close(), StorageUnavailableError);
      assert.equal(writer.sizeBytes, 0);
    });

    it('tells a store that refuses from bytes that are missing', async () => {
      const missing = nameOf(randomBytes(8));
      await assert.rejects(storage.readBlob(missing), BlobMissingError);
      between.failing = () => ({ status: 403, code: 'AccessDenied' });
      await assert.rejects(storage.readBlob(missing), StorageUnavailableError);
      await assert.rejects(storage.blobSize(missing), StorageUnavailableError);
      await assert.rejects(storage.deleteBlob(missing), StorageUnavailableError);
    });
  });

  it('says at the start when the bucket cannot be used, and never the secret', async () => {
    const secretKey = 'a-secret-that-nobody-may-see';
    const cases = [
      driverOf({ port: server.port, secretKey, bucket: bucket.place.bucket }),
      driverOf({ port: server.port, secretKey: server.secretKey, bucket: 'no-such-bucket' }),
    ];
    const reasons: string[] = [];
    for (const driver of cases) {
      await assert.rejects(createStorage({ DISTRIBUTED_STORAGE_CONFIG: { default: driver } }), (error) => {
        const logged: string[] = [];
        pino({}, { write: (line: string) => void logged.push(line) }).error({ err: error }, 'failed');
        const shown = inspect(error, { depth: 20, showHidden: true }) + logged.join('');
        assert.doesNotMatch(shown, /Signature=|a-secret-that-nobody-may-see/);
        assert.ok(!shown.includes(server.secretKey));
        reasons.push(shown);
        return error instanceof StorageUnavailableError;
      });
    }
    assert.match(reasons[0] ?? '', /SignatureDoesNotMatch/);
    assert.match(reasons[1] ?? '', /NoSuchBucket/);
  });
});
