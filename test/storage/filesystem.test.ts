import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { createStorage } from '../../storage/create-storage';
import { BlobMissingError, StorageFullError } from '../../storage/errors';
import { FilesystemStorage } from '../../storage/filesystem';
import { blobKey, uploadKey } from '../../storage/keys';
import { describeStorage } from './driver-contract';
import { describeListing } from './listing-contract';

describe('FilesystemStorage', () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'storage-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  function open(name: string): ReturnType<typeof createStorage> {
    return createStorage({
      DISTRIBUTED_STORAGE_CONFIG: { default: ['LocalStorage', { storage_path: join(dir, name) }] },
    });
  }

  describeStorage('filesystem', () => open('contract'));
  describeListing('filesystem', () => open('listed'));

  it('leaves no transfer, buffered byte, or stray file behind after the contract', async () => {
    const storage = new FilesystemStorage(join(dir, 'tidy'));
    await storage.prepare();
    await storage.putObject('objects/a', Buffer.from('x'));
    const broken = new Readable({ read: () => undefined });
    const putting = storage.putObject('objects/b', broken);
    setImmediate(() => broken.destroy(new Error('gone')));
    await assert.rejects(putting, /gone/);
    const { stream } = await storage.getObject('objects/a');
    assert.equal(storage.transfers.active, 1);
    stream.destroy();
    assert.deepEqual([storage.transfers.active, storage.transfers.bufferedBytes], [0, 0]);
    assert.deepEqual(await readdir(join(dir, 'tidy', 'uploads')), []);
  });

  it('gives the memory of chunks back that nobody else has, and only theirs', async () => {
    const storage = new FilesystemStorage(join(dir, 'disposed'));
    await storage.prepare();
    const writer = await storage.openUpload(uploadKey(randomUUID(), 1), { offset: 0 });
    const own = () => Buffer.from(new ArrayBuffer(1000));
    const [disposed, part, kept] = [own(), own().subarray(1), own()];
    await writer.append(Readable.from([disposed, part]), { isDisposable: true });
    await writer.append(Readable.from([kept]));
    await writer.close();
    assert.deepEqual([disposed.length, part.length, kept.length], [0, 999, 1000]);
  });

  it('lists what a crash left behind, and nothing outside of its own folders', async () => {
    const root = join(dir, 'crashed');
    const storage = new FilesystemStorage(root);
    await storage.prepare();
    await mkdir(join(root, 'lost+found'));
    await mkdir(join(root, 'sha256', 'ab'), { recursive: true });
    const names = ['uploads/.object-1', 'uploads/.probe-1', 'sha256/ab/strange', 'sha256/plain', 'notes'];
    for (const name of names) await writeFile(join(root, name), '');
    const listed: string[][] = [];
    for await (const { key, kind } of storage.listFiles()) listed.push([key, kind]);
    assert.deepEqual(listed.sort(), [
      ['sha256/ab/strange', 'unknown'],
      ['sha256/plain', 'unknown'],
      ['uploads/.object-1', 'temporary'],
      ['uploads/.probe-1', 'temporary'],
    ]);
  });

  it('tells a rename as a change: publishing leaves the bytes as old as they are', async () => {
    const storage = new FilesystemStorage(join(dir, 'renamed'));
    await storage.prepare();
    const from = uploadKey(randomUUID(), 1);
    const path = join(dir, 'renamed', from);
    await writeFile(path, 'old');
    await utimes(path, 1, 1);
    await storage.publish(from, blobKey('sha256', 'ab'.repeat(32), 1));
    for await (const file of storage.listFiles()) {
      const state = await file.look();
      assert.ok((state?.changedAtMs ?? 0) > Date.now() - 600_000);
    }
  });

  it('tells where the file of a blob lies, and when it is missing; links it has none', async () => {
    const root = join(dir, 'shared');
    const storage = new FilesystemStorage(root);
    await storage.prepare();
    const from = uploadKey(randomUUID(), 1);
    await writeFile(join(root, from), 'bytes');
    const stored = await storage.publish(from, blobKey('sha256', 'cd'.repeat(32), 1));
    const { path, sizeBytes } = await storage.blobFile(stored);
    assert.deepEqual([await readFile(join(root, path), 'utf8'), sizeBytes], ['bytes', 5]);
    assert.equal(await storage.blobLink(stored), undefined);
    await storage.deleteBlob(stored);
    await assert.rejects(storage.blobFile(stored), BlobMissingError);
  });

  it('says at the start when its folder cannot be used', async () => {
    await mkdir(join(dir, 'taken'));
    await assert.rejects(open('taken/\0'), /null bytes/);
    await (await open('file')).putObject('objects/x', Buffer.from('x'));
    await assert.rejects(open('file/objects/x'), { code: /ENOTDIR|EEXIST/ });
  });

  describe('on a full disk', () => {
    let small: string;
    before(async function () {
      small = join(dir, 'small');
      await mkdir(small);
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', small], { stdio: 'ignore' });
      } catch {
        small = '';
        // Only root may mount, and not in every container.
        this.skip();
      }
    });
    after(() => {
      if (small) execFileSync('umount', [small]);
    });

    it('frees what the append wrote, names the upload, and goes on when there is room again', async () => {
      const storage = new FilesystemStorage(small);
      await storage.prepare();
      const key = uploadKey(randomUUID(), 0);
      const writer = await storage.openUpload(key, { offset: 0 });
      await writer.append(Readable.from([Buffer.alloc(100_000)]));
      const tooMuch = Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(64 * 1024)));
      await assert.rejects(
        writer.append(tooMuch),
        (error) => error instanceof StorageFullError && error.message.includes(key),
      );
      assert.deepEqual([writer.sizeBytes, await storage.uploadSize(key)], [100_000, 100_000]);
      assert.equal(storage.transfers.bufferedBytes, 0);
      await writer.append(Readable.from([Buffer.alloc(1_000_000)]));
      await writer.close();
      assert.equal(await storage.uploadSize(key), 1_100_000);
      await assert.rejects(storage.putObject('objects/large', Buffer.alloc(3_000_000)), StorageFullError);
      assert.deepEqual(await readdir(join(small, 'uploads')), [key.slice('uploads/'.length)]);
    });
  });
});
