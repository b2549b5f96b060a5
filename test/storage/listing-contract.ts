import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';

import type { Storage, StoredFile } from '../../storage/driver';
import { blobKey, uploadKey } from '../../storage/keys';

/** What the listing of every storage driver must tell. */
export function describeListing(name: string, open: () => Promise<Storage>): void {
  describe(`listing of storage: ${name}`, () => {
    let storage: Storage;
    before(async () => {
      storage = await open();
    });

    async function upload(text: string): Promise<string> {
      const key = uploadKey(randomUUID(), 1);
      const writer = await storage.openUpload(key, { offset: 0 });
      await writer.append(Readable.from([Buffer.from(text)]));
      await writer.close();
      return key;
    }

    async function listed(): Promise<Map<string, StoredFile>> {
      const files = new Map<string, StoredFile>();
      for await (const file of storage.listFiles()) files.set(file.key, file);
      return files;
    }

    it('names everything with its kind, and lets it be looked at until it is gone', async () => {
      const object = 'objects/build-logs/listed.json';
      await storage.putObject(object, Buffer.from('12345'));
      const blob = await storage.publish(await upload('bytes'), blobKey('sha256', 'ab'.repeat(32), 9));
      const open = await upload('abc');
      const expected = [
        [open, 'upload', 3],
        [blob, 'blob', 5],
        [object, 'object', 5],
      ] as const;
      const files = await listed();
      for (const [key, kind, sizeBytes] of expected) {
        assert.equal(files.get(key)?.kind, kind, key);
        const state = await files.get(key)?.look();
        assert.equal(state?.sizeBytes, sizeBytes);
        // The clock of storage may be another one, and coarse.
        assert.ok(Math.abs(state.changedAtMs - Date.now()) < 600_000, String(state.changedAtMs));
      }
      await storage.deleteBlob(blob);
      await storage.discardUpload(open);
      await files.get(object)?.remove();
      await files.get(blob)?.remove();
      const left = await listed();
      for (const [key] of expected) {
        assert.equal(await files.get(key)?.look(), undefined);
        assert.ok(!left.has(key), key);
      }
    });
  });
}
