import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import {
  blobKey,
  blobKeyOfUpload,
  generationOf,
  kindOfKey,
  publisherOf,
  readUploadKey,
  uploadKey,
  uploadKeyOfBlob,
} from '../../storage/keys';

describe('keys of storage', () => {
  const hex = 'ab'.repeat(32);

  it('tell which session they are of', () => {
    for (const epoch of [1, 999, 1000, 2001]) {
      const key = blobKey('sha256', hex, generationOf({ id: 123_456, epoch }));
      assert.equal(publisherOf(key), 123_456);
    }
    const uuid = randomUUID();
    assert.deepEqual(readUploadKey(uploadKey(uuid, 12)), { uuid, epoch: 12 });
    assert.equal(publisherOf(blobKeyOfUpload(uploadKey(uuid, 12))), uuid);
  });

  it('of uploads and of what they become lead to each other, where bytes are not moved', () => {
    const key = uploadKey(randomUUID(), 3);
    assert.equal(uploadKeyOfBlob(blobKeyOfUpload(key)), key);
    for (const other of [blobKey('sha256', hex, 1), 'objects/x', key, 'blobs/x', '']) {
      assert.equal(uploadKeyOfBlob(other), undefined, other);
    }
  });

  it('have a kind, and other names have none', () => {
    assert.equal(kindOfKey(blobKey('sha512', 'cd'.repeat(64), 1)), 'blob');
    assert.equal(kindOfKey(uploadKey(randomUUID(), 1)), 'upload');
    assert.equal(kindOfKey('objects/build-logs/x.json'), 'object');
    for (const name of ['uploads/.object-x', `sha256/ab/${hex}`, 'notes.txt', '']) {
      assert.equal(kindOfKey(name), undefined, name);
    }
    assert.throws(() => publisherOf(uploadKey(randomUUID(), 1)), /is not a storage key/);
  });
});
