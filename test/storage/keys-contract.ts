import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import type { Storage } from '../../storage/driver';
import { blobKey, uploadKey } from '../../storage/keys';

/** No driver takes a key that could lead anywhere else. */
export function describeKeys(opened: () => Storage): void {
  describe('keys', () => {
    const hex = 'ab'.repeat(32);
    const key = uploadKey(randomUUID(), 0);
    const strange = [
      '',
      '/etc/passwd',
      '../x',
      `sha256/00/${hex}.1`,
      `sha256/${hex.slice(0, 2)}/${hex}`,
      `sha256/${hex.slice(0, 2)}/${hex}.1/..`,
      `sha256/${hex.slice(0, 2)}/${hex.toUpperCase()}.1`,
      `uploads/${randomUUID()}`,
      'uploads/../../x.1',
      'blobs/../../x.1',
      'blobs/x.1',
      'objects',
      'objects/',
      'objects//x',
      'objects/../x',
      'objects/.hidden',
      'objects/a\0b',
      'objects/a\n',
    ];
    for (const bad of strange) {
      it(`refuse ${JSON.stringify(bad)} everywhere`, async () => {
        const storage = opened();
        const calls = [
          () => storage.openUpload(bad, { offset: 0 }),
          () => storage.uploadSize(bad),
          () => storage.readUpload(bad),
          () => storage.copyUpload(bad, key, 0),
          () => storage.copyUpload(key, bad, 0),
          () => storage.publish(bad, blobKey('sha256', hex, 1)),
          () => storage.publish(key, bad),
          () => storage.findPublished(bad, blobKey('sha256', hex, 1)),
          () => storage.findPublished(key, bad),
          () => storage.discardUpload(bad),
          () => storage.readBlob(bad),
          () => storage.readSmall(bad),
          () => storage.blobSize(bad),
          () => storage.blobLink(bad),
          () => storage.blobFile(bad),
          () => storage.deleteBlob(bad),
          () => storage.putObject(bad, Buffer.alloc(0)),
          () => storage.getObject(bad),
          () => storage.deleteObject(bad),
        ];
        for (const call of calls) await assert.rejects(async () => call(), /is not a storage key/);
      });
    }
  });
}
