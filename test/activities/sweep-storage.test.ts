import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, renameSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

import { MockActivityEnvironment } from '@temporalio/testing';

import { createSweepStorageActivities } from '../../activities/maintain/sweep-storage';
import { Blob, Upload } from '../../db/entities/content';
import type { Storage, StoredFile } from '../../storage/driver';
import { blobKey, generationOf, uploadKey } from '../../storage/keys';
import { FsckBench, hexOf } from '../support/fsck-bench';
import { sha256 } from '../support/registry-client';

const HOUR_MS = 3600_000;

describe('the sweep of storage', () => {
  let bench: FsckBench;

  before(async () => {
    bench = await FsckBench.start();
  });
  after(() => bench.close());
  beforeEach(() => bench.empty());

  interface SweepOptions {
    laterMs?: number;
    storage?: Pick<Storage, 'listFiles'>;
  }

  /** As if files had lain there for some time already. */
  function sweep({ laterMs = 2 * HOUR_MS, storage = bench.storage }: SweepOptions = {}): Promise<number> {
    const now = () => Date.now() + laterMs;
    const activities = createSweepStorageActivities({ dataSource: bench.dataSource, storage, now });
    return new MockActivityEnvironment().run(() => activities.sweepStorage());
  }

  const isThere = (key: string) => existsSync(bench.pathOf(key));

  /** Bytes that were published by a process that could not record them any more. */
  async function publishOnly(text: string): Promise<{ key: string; uuid: string }> {
    const { uuid, id, storageKey } = await bench.startUpload(text);
    const key = blobKey('sha256', hexOf(sha256(text)), generationOf({ id, epoch: 1 }));
    mkdirSync(dirname(bench.pathOf(key)), { recursive: true });
    renameSync(bench.pathOf(storageKey), bench.pathOf(key));
    return { key, uuid };
  }

  it('removes what dead processes left: files of sessions, of their earlier owners, blobs without a row, drafts', async () => {
    const published = await publishOnly('never recorded');
    await bench.manager.delete(Upload, { uuid: published.uuid });
    const { uuid, storageKey } = await bench.startUpload('goes on');
    await bench.manager.update(Upload, { uuid }, { epoch: 3 });
    const leftovers = [
      bench.putFile(uploadKey(uuid, 2)),
      bench.putFile(uploadKey(randomUUID(), 1)),
      bench.putFile(`uploads/.object-${randomUUID()}`),
      bench.putFile(`objects/checks/${randomUUID()}`),
      published.key,
    ];
    assert.equal(await sweep(), leftovers.length);
    assert.deepEqual(leftovers.filter(isThere), []);
    assert.ok(isThere(storageKey));
    assert.deepEqual(await bench.orphaned(), []);
    assert.equal(await sweep(), 0);
  });

  it('keeps images, objects, open sessions, what they have published, and strange files', async () => {
    await bench.push('latest');
    await bench.startUpload('more is to come');
    const { key } = await publishOnly('to be recorded');
    await bench.storage.putObject('objects/build-logs/one.json', Buffer.from('{}'));
    bench.putFile('uploads/notes.txt');
    assert.equal(await sweep(), 0);
    assert.ok(isThere(key));
    const { findings } = await bench.look({ isDeep: true });
    assert.deepEqual(
      findings.map((finding) => finding.problem),
      ['it has no name of ours'],
    );
  });

  it('keeps the blobs of sessions that the database has never had: it may be the wrong one', async () => {
    const { id } = await bench.startUpload('the last one that it knows');
    const hex = hexOf(sha256('later'));
    const known = bench.putFile(blobKey('sha256', hex, generationOf({ id: id - 1, epoch: 1 })));
    const later = bench.putFile(blobKey('sha256', hex, generationOf({ id: id + 1, epoch: 1 })));
    assert.equal(await sweep(), 1);
    assert.deepEqual([isThere(known), isThere(later)], [false, true]);
    await bench.manager.delete(Upload, { id });
    assert.equal(await sweep(), 1, 'the file of the session that is gone');
    assert.ok(isThere(later));
  });

  it('judges blobs without the number of a session by their age, between the first and the last of the database', async () => {
    const hourAgo = Date.now() - HOUR_MS;
    const removed: string[] = [];
    const file: StoredFile = {
      key: `blobs/${randomUUID()}.1`,
      kind: 'blob',
      look: () => Promise.resolve({ sizeBytes: 5, changedAtMs: hourAgo + 1 }),
      remove: () => Promise.resolve(void removed.push(file.key)),
    };
    const storage = {
      async *listFiles() {
        await Promise.resolve();
        yield file;
      },
    };
    assert.equal(await sweep({ storage }), 0, 'there is no blob to compare with');
    await bench.client.pushBlob(bench.repository, 'later');
    await bench.manager.update(Blob, { digest: sha256('later') }, { createdAtMs: hourAgo });
    assert.equal(await sweep({ storage }), 0);
    await bench.client.pushBlob(bench.repository, 'latest');
    assert.equal(await sweep({ storage }), 1);
    assert.deepEqual(removed, [file.key]);
  });

  it('leaves alone what changed within the hour', async () => {
    const young = bench.putFile(uploadKey(randomUUID(), 1));
    assert.equal(await sweep({ laterMs: HOUR_MS / 2 }), 0);
    assert.ok(isThere(young));
  });

  it('does not take a blob that was recorded while it was looking', async () => {
    const { key, uuid } = await publishOnly('recorded meanwhile');
    const storage = {
      async *listFiles() {
        yield* bench.storage.listFiles();
        const { headers } = await bench.client.expect(
          201,
          'PUT',
          `/v2/${bench.repository}/blobs/uploads/${uuid}?digest=${sha256('recorded meanwhile')}`,
        );
        assert.ok(headers.get('location'));
      },
    };
    assert.equal(await sweep({ storage }), 0);
    assert.ok(isThere(key));
    assert.deepEqual((await bench.look({ isDeep: true })).findings, []);
  });
});
