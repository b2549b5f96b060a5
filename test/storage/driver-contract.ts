import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Socket, connect, createServer } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

import type { Storage } from '../../storage/driver';
import { SMALL_BLOB_BYTES, hashUpload } from '../../storage/driver';
import { BlobMissingError, UploadLimitError, UploadMissingError } from '../../storage/errors';
import { blobKey, uploadKey } from '../../storage/keys';
import { eventually } from '../support/eventually';
import { describeKeys } from './keys-contract';

const MIB = 1024 ** 2;

function patterned(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 1) bytes[at] = (at * 31 + (at >> 8)) & 0xff;
  return bytes;
}

function chunked(bytes: Buffer, chunkBytes = 64 * 1024): Readable {
  function* chunks(): Generator<Buffer> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  return Readable.from(chunks(), { objectMode: false });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What every storage driver must do; `open` gives an empty storage. */
export function describeStorage(name: string, open: () => Promise<Storage>): void {
  describe(`storage contract: ${name}`, () => {
    let storage: Storage;
    let key: string;
    before(async () => {
      storage = await open();
    });
    beforeEach(() => {
      key = uploadKey(randomUUID(), 0);
    });

    async function upload(bytes: Buffer, to = key): Promise<void> {
      const writer = await storage.openUpload(to, { offset: 0 });
      await writer.append(chunked(bytes));
      await writer.close();
    }

    /** Each blob comes of an upload of its own: their keys are never used again. */
    async function publish(bytes: Buffer, generation = 1): Promise<string> {
      key = uploadKey(randomUUID(), 0);
      await upload(bytes);
      return storage.publish(key, blobKey('sha256', sha256(bytes), generation));
    }

    const readUpload = async (from: string): Promise<Buffer> =>
      buffer((await storage.readUpload(from)).stream);
    const readBlob = async (...range: Parameters<Storage['readBlob']>): Promise<Buffer> =>
      buffer((await storage.readBlob(...range)).stream);

    describe('uploads', () => {
      it('keep every byte in order and show each to the hash once', async () => {
        const bytes = patterned(3 * MIB + 17);
        const hash = createHash('sha256');
        const writer = await storage.openUpload(key, { offset: 0 });
        const appended = await writer.append(chunked(bytes), { onChunk: (chunk) => hash.update(chunk) });
        assert.deepEqual([appended, writer.sizeBytes], [bytes.length, bytes.length]);
        await writer.close();
        assert.equal(hash.digest('hex'), sha256(bytes));
        assert.equal(await storage.uploadSize(key), bytes.length);
        assert.equal(sha256(await readUpload(key)), sha256(bytes));
      });

      it('take several appends, single bytes and one huge chunk', async () => {
        const bytes = patterned(2 * MIB);
        const writer = await storage.openUpload(key, { offset: 0 });
        assert.equal(await writer.append(chunked(bytes.subarray(0, 3000), 1)), 3000);
        assert.equal(await writer.append(Readable.from([bytes.subarray(3000)])), bytes.length - 3000);
        await writer.close();
        assert.equal(sha256(await readUpload(key)), sha256(bytes));
      });

      it('take chunks that nobody else has, whole and as parts of a buffer that goes on', async () => {
        const bytes = patterned(MIB);
        const shared = patterned(2 * MIB).subarray(MIB);
        const chunks = [
          Buffer.from(Uint8Array.from(bytes).buffer),
          shared.subarray(0, 5000),
          shared.subarray(5000),
        ];
        const hash = createHash('sha256');
        const writer = await storage.openUpload(key, { offset: 0 });
        await writer.append(Readable.from(chunks), {
          isDisposable: true,
          onChunk: (chunk) => hash.update(chunk),
        });
        await writer.close();
        const expected = sha256(Buffer.concat([bytes, shared]));
        assert.equal(hash.digest('hex'), expected);
        assert.equal(sha256(await readUpload(key)), expected);
        assert.equal(sha256(shared), sha256(patterned(2 * MIB).subarray(MIB)));
      });

      it('may be empty', async () => {
        await upload(Buffer.alloc(0));
        assert.equal(await storage.uploadSize(key), 0);
        assert.equal((await readUpload(key)).length, 0);
      });

      it('go on at the offset that the session recorded and forget what lies behind it', async () => {
        await upload(patterned(1000));
        const writer = await storage.openUpload(key, { offset: 600 });
        await writer.append(Readable.from([Buffer.from('tail')]));
        await writer.close();
        assert.deepEqual(await readUpload(key), Buffer.concat([patterned(600), Buffer.from('tail')]));
      });

      it('begun again at offset 0 start empty', async () => {
        await upload(patterned(1000));
        await upload(Buffer.from('new'));
        assert.equal((await readUpload(key)).toString(), 'new');
      });

      it('that are gone or shorter than recorded are told apart from healthy ones', async () => {
        await assert.rejects(storage.openUpload(key, { offset: 10 }), UploadMissingError);
        await assert.rejects(storage.readUpload(key), UploadMissingError);
        assert.equal(await storage.uploadSize(key), undefined);
        await upload(patterned(10));
        await assert.rejects(storage.openUpload(key, { offset: 11 }), /has 10 bytes, not 11/);
      });

      it('stop at the limit and leave the source open for an answer', async () => {
        const source = chunked(patterned(MIB));
        const writer = await storage.openUpload(key, { offset: 0 });
        await assert.rejects(writer.append(source, { limitBytes: 100_000 }), UploadLimitError);
        assert.ok(writer.sizeBytes <= 100_000);
        assert.ok(!source.destroyed && source.isPaused());
        await writer.close();
      });

      it('of exactly the limit pass', async () => {
        const writer = await storage.openUpload(key, { offset: 0 });
        assert.equal(await writer.append(chunked(patterned(100_000)), { limitBytes: 100_000 }), 100_000);
        await writer.close();
      });

      it('that break off keep what arrived, which is what the hash saw, and can be resumed', async () => {
        const bytes = patterned(MIB);
        const source = new Readable({ read: () => undefined });
        const hash = createHash('sha256');
        const writer = await storage.openUpload(key, { offset: 0 });
        const appending = writer.append(source, { onChunk: (chunk) => hash.update(chunk) });
        source.push(bytes.subarray(0, 300_000));
        setImmediate(() => source.destroy(new Error('connection reset')));
        await assert.rejects(appending, /connection reset/);
        const arrived = writer.sizeBytes;
        assert.equal(hash.copy().digest('hex'), sha256(bytes.subarray(0, arrived)));
        await writer.append(chunked(bytes.subarray(arrived)), { onChunk: (chunk) => hash.update(chunk) });
        await writer.close();
        assert.equal(hash.digest('hex'), sha256(bytes));
        assert.equal(sha256(await readUpload(key)), sha256(bytes));
      });

      it('stop at once when the signal aborts, also before the first byte', async () => {
        const stop = new AbortController();
        const writer = await storage.openUpload(key, { offset: 0 });
        const source = new Readable({ read: () => undefined });
        const appending = writer.append(source, { signal: stop.signal });
        source.push(patterned(1000));
        stop.abort(new Error('idle for too long'));
        await assert.rejects(appending, /idle for too long/);
        await assert.rejects(writer.append(chunked(patterned(10)), { signal: stop.signal }), /idle/);
        await writer.close();
        assert.equal(await storage.uploadSize(key), writer.sizeBytes);
      });

      it('refuse a source that was destroyed before', async () => {
        const source = chunked(patterned(10));
        source.destroy();
        const writer = await storage.openUpload(key, { offset: 0 });
        await assert.rejects(writer.append(source), /closed before its end/);
        await writer.close();
      });

      it('take one append at a time', async () => {
        const writer = await storage.openUpload(key, { offset: 0 });
        const source = new Readable({ read: () => undefined });
        const first = writer.append(source);
        await assert.rejects(writer.append(chunked(patterned(10))), /being appended to already/);
        source.push(null);
        await first;
        await writer.close();
      });

      it('can be hashed later, whole or from where this process had stopped', async () => {
        const bytes = patterned(2 * MIB + 5);
        await upload(bytes);
        const whole = createHash('sha512');
        await hashUpload(storage, key, whole);
        assert.equal(whole.digest('hex'), createHash('sha512').update(bytes).digest('hex'));
        const rest = createHash('sha256').update(bytes.subarray(0, 1000));
        await hashUpload(storage, key, rest, { start: 1000 });
        assert.equal(rest.digest('hex'), sha256(bytes));
      });

      it('are taken over under a new epoch, where late writes of the old owner cannot reach', async () => {
        const bytes = patterned(MIB);
        const uuid = randomUUID();
        const [old, taken] = [uploadKey(uuid, 0), uploadKey(uuid, 1)];
        await upload(bytes, old);
        const oldWriter = await storage.openUpload(old, { offset: MIB });
        await storage.copyUpload(old, taken, 1000);
        await oldWriter.append(Readable.from([Buffer.from('late')]));
        await oldWriter.close();
        assert.deepEqual(await readUpload(taken), bytes.subarray(0, 1000));
        await assert.rejects(storage.copyUpload(old, uploadKey(uuid, 2), 2 * MIB), UploadMissingError);
        await assert.rejects(
          storage.copyUpload(uploadKey(uuid, 7), uploadKey(uuid, 8), 1),
          UploadMissingError,
        );
        assert.equal(await storage.uploadSize(uploadKey(uuid, 2)), undefined);
      });

      it('may be closed twice', async () => {
        const writer = await storage.openUpload(key, { offset: 0 });
        await writer.append(chunked(patterned(10)));
        await writer.close();
        await writer.close();
        assert.equal(await storage.uploadSize(key), 10);
      });

      it('can be discarded, twice too', async () => {
        await upload(patterned(10));
        await storage.discardUpload(key);
        await storage.discardUpload(key);
        assert.equal(await storage.uploadSize(key), undefined);
      });
    });

    describe('blobs', () => {
      it('are readable once published, and the upload is gone', async () => {
        const bytes = patterned(3 * MIB + 1);
        const stored = await publish(bytes);
        assert.equal(await storage.blobSize(stored), bytes.length);
        assert.equal(sha256(await readBlob(stored)), sha256(bytes));
        assert.equal(await storage.uploadSize(key), undefined);
      });

      it('can be published again by whoever died before recording the key', async () => {
        const bytes = patterned(100);
        const to = blobKey('sha256', sha256(bytes), 3);
        await upload(bytes);
        assert.equal(await storage.publish(key, to), await storage.publish(key, to));
      });

      it('are found by their upload when nobody recorded the key, and only under their own digest', async () => {
        const bytes = Buffer.from(randomUUID());
        const to = blobKey('sha256', sha256(bytes), 4);
        await upload(bytes);
        assert.equal(await storage.findPublished(key, to), undefined);
        const stored = await storage.publish(key, to);
        assert.equal(await storage.findPublished(key, to), stored);
        const other = blobKey('sha256', sha256(Buffer.from('other')), 4);
        assert.equal(await storage.findPublished(key, other), undefined);
        await storage.discardUpload(key);
        assert.deepEqual(await readBlob(stored), bytes);
      });

      it('are not made from an upload that is missing', async () => {
        const to = blobKey('sha256', sha256(Buffer.from(randomUUID())), 1);
        await assert.rejects(storage.publish(key, to), UploadMissingError);
        assert.equal(await storage.blobSize(to), undefined);
      });

      it('of sha512 have their own place', async () => {
        await upload(Buffer.from('x'));
        const hex = createHash('sha512').update('x').digest('hex');
        const stored = await storage.publish(key, blobKey('sha512', hex, 1));
        assert.equal((await readBlob(stored)).toString(), 'x');
      });

      it('give any range with both ends inclusive', async () => {
        const bytes = patterned(2 * MIB);
        const stored = await publish(bytes);
        const ranges = [
          [0, 0],
          [5, 9],
          [MIB - 1, MIB],
          [2 * MIB - 1, 2 * MIB - 1],
          [2 * MIB - 3, 9 * MIB],
          [2 * MIB, 3 * MIB],
        ] as const;
        for (const [start, end] of ranges) {
          assert.deepEqual(
            await readBlob(stored, { start, end }),
            bytes.subarray(start, end + 1),
            `${start}-${end}`,
          );
        }
        assert.deepEqual(await readBlob(stored, { start: MIB }), bytes.subarray(MIB));
        const { stream, sizeBytes } = await storage.readBlob(stored, { start: 0, end: 3 });
        stream.destroy();
        assert.equal(sizeBytes, bytes.length);
      });

      it('stop being read when the reader goes away', async () => {
        const stored = await publish(patterned(3 * MIB));
        const { stream } = await storage.readBlob(stored);
        await assert.rejects(
          pipeline(stream, async (source) => {
            for await (const _chunk of source) throw new Error('client went away');
          }),
          /client went away/,
        );
        await eventually(() => assert.ok(stream.destroyed));
      });

      describe('sent to a socket', () => {
        async function send(
          stored: string,
          take: (socket: Socket) => Promise<Buffer>,
          range = {},
        ): Promise<Buffer> {
          const { stream, sendTo } = await storage.readBlob(stored, range);
          const server = createServer((socket) => void sendTo(socket).catch(() => undefined));
          server.listen(0, '127.0.0.1');
          await once(server, 'listening');
          try {
            return await take(connect((server.address() as AddressInfo).port, '127.0.0.1'));
          } finally {
            server.close();
            await eventually(() => assert.ok(stream.destroyed));
          }
        }

        it('arrive whole, as a range too, and several at once', async () => {
          const bytes = patterned(9 * MIB + 3);
          const stored = await publish(bytes);
          const results = await Promise.all([1, 2, 3].map(() => send(stored, buffer)));
          for (const result of results) assert.equal(sha256(result), sha256(bytes));
          const range = { start: 5, end: 3 * MIB };
          assert.equal(sha256(await send(stored, buffer, range)), sha256(bytes.subarray(5, 3 * MIB + 1)));
          assert.equal((await send(await publish(Buffer.alloc(0)), buffer)).length, 0);
        });

        it('wait for a reader that stops in between', async () => {
          const bytes = patterned(24 * MIB);
          const received = await send(await publish(bytes), async (socket) => {
            await once(socket, 'readable');
            await new Promise((resolve) => setTimeout(resolve, 300));
            return buffer(socket);
          });
          assert.equal(sha256(received), sha256(bytes));
        });

        it('are let go when the reader hangs up', async () => {
          const stored = await publish(patterned(24 * MIB));
          await send(stored, async (socket) => {
            await once(socket, 'readable');
            socket.destroy();
            return Buffer.alloc(0);
          });
        });

        it('that is closed already reject', async () => {
          const { stream, sendTo } = await storage.readBlob(await publish(patterned(10)));
          const closed = new Socket();
          closed.destroy();
          await assert.rejects(sendTo(closed));
          assert.ok(stream.destroyed);
        });
      });

      it('that are small come in one piece, larger ones do not', async () => {
        const small = patterned(SMALL_BLOB_BYTES);
        assert.deepEqual(await storage.readSmall(await publish(small)), small);
        assert.deepEqual(await storage.readSmall(await publish(Buffer.alloc(0))), Buffer.alloc(0));
        await assert.rejects(storage.readSmall(await publish(patterned(SMALL_BLOB_BYTES + 1))), RangeError);
      });

      it('that are missing are named', async () => {
        const missing = blobKey('sha256', sha256(Buffer.from('nobody has this')), 1);
        for (const read of [() => storage.readBlob(missing), () => storage.readSmall(missing)]) {
          await assert.rejects(read, (error) => error instanceof BlobMissingError && error.key === missing);
        }
        assert.equal(await storage.blobSize(missing), undefined);
      });

      it('are deleted by exact key: another generation of the same digest stays', async () => {
        const bytes = Buffer.from('generations');
        const [first, second] = [await publish(bytes, 1), await publish(bytes, 2)];
        await storage.deleteBlob(first);
        await storage.deleteBlob(first);
        assert.equal(await storage.blobSize(first), undefined);
        assert.deepEqual(await readBlob(second), bytes);
      });

      it('being read may be deleted meanwhile', async () => {
        const bytes = patterned(2 * MIB);
        const stored = await publish(bytes, 4);
        const { stream } = await storage.readBlob(stored);
        await storage.deleteBlob(stored);
        assert.equal(sha256(await buffer(stream)), sha256(bytes));
      });
    });

    describe('objects', () => {
      const logKey = 'objects/build-logs/0b9e/log.json';
      const read = async (from: string): Promise<string> =>
        (await buffer((await storage.getObject(from)).stream)).toString();

      it('are put from a buffer or a stream, and replaced whole', async () => {
        assert.equal(await storage.putObject(logKey, Buffer.from('first and longer')), 16);
        assert.equal(await read(logKey), 'first and longer');
        assert.equal(await storage.putObject(logKey, chunked(Buffer.from('second'))), 6);
        assert.equal(await read(logKey), 'second');
        assert.equal(await storage.putObject(logKey, Buffer.alloc(0)), 0);
      });

      it('whose source breaks leave what was there before', async () => {
        await storage.putObject(logKey, Buffer.from('whole'));
        const broken = new Readable({ read: () => undefined });
        const putting = storage.putObject(logKey, broken);
        broken.push('half');
        setImmediate(() => broken.destroy(new Error('engine gone')));
        await assert.rejects(putting, /engine gone/);
        assert.equal(await read(logKey), 'whole');
      });

      it('are deleted, and then missing', async () => {
        await storage.putObject('objects/archives/a.tar.gz', Buffer.from('x'));
        await storage.deleteObject('objects/archives/a.tar.gz');
        await storage.deleteObject('objects/archives/a.tar.gz');
        await assert.rejects(storage.getObject('objects/archives/a.tar.gz'), BlobMissingError);
      });
    });

    describeKeys(() => storage);
  });
}
