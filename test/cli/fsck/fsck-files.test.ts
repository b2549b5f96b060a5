import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import type { FsckOptions } from '../../../cli/fsck/run';
import { Blob, Upload } from '../../../db/entities/content';
import { blobKey, generationOf, uploadKey } from '../../../storage/keys';
import { uniqueName } from '../../support/factories';
import { FsckBench, hexOf, layerOf } from '../../support/fsck-bench';
import { sha256 } from '../../support/registry-client';

const HOUR_MS = 3_600_000;

describe('fsck and files', () => {
  let bench: FsckBench;

  before(async () => {
    bench = await FsckBench.start();
  });
  after(() => bench.close());
  beforeEach(() => bench.empty());

  describe('files', () => {
    it('without a row are orphans, once they are old enough', async () => {
      const image = await bench.push('latest');
      const known = layerOf(image);
      const stray = createHash('sha256').update('stray').digest('hex');
      const expected = new Map([
        [bench.putFile(blobKey('sha256', stray, 7000)), 'no blob of the database lies there'],
        [bench.putFile(blobKey('sha256', hexOf(known), 999_000)), 'no blob of the database lies there'],
        [bench.putFile(uploadKey(randomUUID(), 1)), 'its upload session is gone'],
        [bench.putFile(`uploads/.object-${randomUUID()}`), 'a call that was cut short left it behind'],
        [bench.putFile(`uploads/.probe-${randomUUID()}`), 'a call that was cut short left it behind'],
        [bench.putFile(`objects/checks/${randomUUID()}`), '`slipway check` left it behind'],
        [bench.putFile(`sha256/${stray.slice(0, 2)}/${stray}.copy`), 'it has no name of ours'],
      ]);
      assert.deepEqual(new Map(await bench.orphaned()), expected);
      const { findings, counts } = await bench.look({ minAgeMs: HOUR_MS });
      assert.deepEqual([findings, counts.youngFiles], [[], expected.size]);
      const later = await bench.orphaned({ minAgeMs: HOUR_MS, now: () => Date.now() + 2 * HOUR_MS });
      assert.deepEqual(new Map(later), expected);
    });

    it('are described by their size and age', async () => {
      const file = bench.putFile(uploadKey(randomUUID(), 3), 'eleven byte');
      const [finding] = (await bench.look()).findings;
      assert.ok(finding?.subject === 'file');
      assert.deepEqual([finding.file, finding.sizeBytes], [file, 11]);
      assert.ok(Math.abs(Date.parse(finding.changedAt) - Date.now()) < HOUR_MS / 2);
    });

    it('of an upload under way stay, whoever owns it; those of its earlier owners do not', async () => {
      const { uuid } = await bench.startUpload('first half');
      await bench.manager.update(Upload, { uuid }, { epoch: 3 });
      bench.putFile(uploadKey(uuid, 3));
      assert.deepEqual(await bench.orphaned(), []);
      const left = bench.putFile(uploadKey(uuid, 2));
      assert.deepEqual(await bench.orphaned(), [
        [left, 'an earlier owner of its upload session left it behind'],
      ]);
    });

    it('that were published stay while their session may still record them', async () => {
      const { uuid, id, storageKey } = await bench.startUpload('published');
      const key = blobKey('sha256', hexOf(sha256('published')), generationOf({ id, epoch: 1 }));
      mkdirSync(dirname(bench.pathOf(key)), { recursive: true });
      renameSync(bench.pathOf(storageKey), bench.pathOf(key));
      assert.deepEqual(await bench.orphaned(), []);
      await bench.manager.delete(Upload, { uuid });
      assert.deepEqual(await bench.orphaned(), [[key, 'no blob of the database lies there']]);
    });

    it('beside our folders are nobody’s business', async () => {
      writeFileSync(bench.pathOf('notes.txt'), 'of the operator');
      mkdirSync(bench.pathOf('lost+found'));
      writeFileSync(bench.pathOf('lost+found/inode'), '');
      const { findings, counts } = await bench.look();
      rmSync(bench.pathOf('notes.txt'));
      rmSync(bench.pathOf('lost+found'), { recursive: true });
      assert.deepEqual([findings, counts.files], [[], 0]);
    });
  });

  describe('beside work under way', () => {
    /** Storage in which something happens at the first look at a blob. */
    function interrupted(key: string, happen: () => Promise<void>): FsckOptions['storage'] {
      let hasHappened = false;
      return {
        async blobSize(asked) {
          if (asked === key && !hasHappened) {
            hasHappened = true;
            await happen();
          }
          return bench.storage.blobSize(asked);
        },
        readBlob: (asked) => bench.storage.readBlob(asked),
        listFiles: () => bench.storage.listFiles(),
      };
    }

    it('takes no blob for missing that was collected between its row and its file', async () => {
      const digest = await bench.client.pushBlob(bench.repository, 'going');
      const { storageKey } = await bench.blobOf(digest);
      const during = interrupted(storageKey, async () => {
        await bench.manager.update(Blob, { digest }, { state: 'deleting' });
        rmSync(bench.pathOf(storageKey));
      });
      assert.deepEqual((await bench.look({ storage: during })).findings, []);
    });

    it('judges a blob by the copy that a push has put in the place of a lost one', async () => {
      const bytes = randomBytes(2000);
      const digest = await bench.client.pushBlob(bench.repository, bytes);
      const { storageKey } = await bench.blobOf(digest);
      rmSync(bench.pathOf(storageKey));
      const during = interrupted(storageKey, async () => {
        await bench.client.pushBlob(bench.repository, bytes);
      });
      assert.deepEqual((await bench.look({ storage: during, isDeep: true })).findings, []);
      assert.notEqual((await bench.blobOf(digest)).storageKey, storageKey);
    });

    it('looks again at files whose row was on its way, or that were on their way out', async () => {
      const bytes = Buffer.from('arriving');
      const digest = sha256(bytes);
      const arriving = bench.putFile(blobKey('sha256', hexOf(digest), 5000), 'arriving');
      const leaving = bench.putFile(uploadKey(randomUUID(), 1));
      const during: FsckOptions['storage'] = {
        blobSize: (key) => bench.storage.blobSize(key),
        readBlob: (key) => bench.storage.readBlob(key),
        async *listFiles() {
          yield* bench.storage.listFiles();
          // Each file was a page, which was looked at before the next was asked for.
          rmSync(bench.pathOf(leaving));
          const row = { digest, sizeBytes: bytes.length, storageKey: arriving, createdAtMs: Date.now() };
          await bench.manager.insert(Blob, { ...row, state: 'live' });
        },
      };
      assert.deepEqual(await bench.orphaned({ storage: during, pageSize: 1 }), []);
    });

    it('reports nothing while clients push, move tags, and delete, whatever the age of files', async () => {
      let isOver = false;
      let pushed = 0;
      const work = async (worker: number) => {
        while (!isOver) {
          const image = await bench.push(uniqueName('tag'));
          await bench.pushIndex(`moving-${worker}`, [image]);
          await bench.client.pushBlob(bench.repository, image.layers[0]?.bytes ?? '');
          const doomed = await bench.push('doomed');
          const { status } = await bench.client.call(
            'DELETE',
            `/v2/${bench.repository}/manifests/${doomed.digest}`,
          );
          assert.ok(status === 202 || status === 404);
          await bench.startUpload(randomBytes(10).toString('hex'));
          pushed += 1;
        }
      };
      const clients = [1, 2, 3].map(work);
      try {
        for (let round = 0; round < 4 || pushed < 6; round += 1) {
          const { findings } = await bench.look({ isDeep: true, settleMs: 1000, pageSize: 7 });
          assert.deepEqual(findings, []);
        }
      } finally {
        isOver = true;
        await Promise.all(clients);
      }
    });
  });
});
