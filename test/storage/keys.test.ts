import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { blobKey, generationOf, kindOfKey, readUploadKey, sessionIdOf, uploadKey } from '../../storage/keys';

describe('keys of storage', () => {
  const hex = 'ab'.repeat(32);

  it('tell which session they are of', () => {
    for (const epoch of [1, 999, 1000, 2001]) {
      const key = blobKey('sha256', hex, generationOf({ id: 123_456, epoch }));
      assert.equal(sessionIdOf(key), 123_456);
    }
    const uuid = randomUUID();
    assert.deepEqual(readUploadKey(uploadKey(uuid, 12)), { uuid, epoch: 12 });
  });

  it('have a kind, and other names have none', () => {
    assert.equal(kindOfKey(blobKey('sha512', 'cd'.repeat(64), 1)), 'blob');
    assert.equal(kindOfKey(uploadKey(randomUUID(), 1)), 'upload');
    assert.equal(kindOfKey('objects/build-logs/x.json'), 'object');
    for (const name of ['uploads/.object-x', `sha256/ab/${hex}`, 'notes.txt', '']) {
      assert.equal(kindOfKey(name), undefined, name);
    }
    assert.throws(() => sessionIdOf(uploadKey(randomUUID(), 1)), /is not a storage key/);
  });
});
