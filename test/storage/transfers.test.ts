import assert from 'node:assert/strict';

import { Transfers } from '../../storage/transfers';

const KIB = 1024;

describe('Transfers', () => {
  it('shares window and block size between what runs, and counts an end once', () => {
    const transfers = new Transfers();
    const sizes = [1, 8, 9, 32, 33, 500].map((wanted) => {
      while (transfers.active < wanted) transfers.begin();
      return [transfers.windowBytes / KIB, transfers.blockBytes / KIB];
    });
    assert.deepEqual(
      sizes.map(([, block]) => block),
      [1024, 1024, 256, 256, 64, 64],
    );
    assert.deepEqual(
      sizes.map(([window]) => Math.round(window ?? 0)),
      [4096, 512, 455, 256, 256, 256],
    );
    const end = transfers.begin();
    end();
    end();
    assert.equal(transfers.active, 500);
  });

  it('uses a block again only after it was given back, and keeps no more than a few', () => {
    const transfers = new Transfers();
    const [first, second] = [transfers.takeBlock(64 * KIB), transfers.takeBlock(64 * KIB)];
    assert.notEqual(first.buffer, second.buffer);
    transfers.giveBack(first);
    assert.notEqual(transfers.takeBlock(256 * KIB), first);
    assert.equal(transfers.takeBlock(64 * KIB), first);
    const many = Array.from({ length: 20 }, () => transfers.takeBlock(1024 * KIB));
    for (const block of many) transfers.giveBack(block);
    const again = many.map((block) => transfers.takeBlock(block.length));
    assert.equal(again.filter((block) => many.includes(block)).length, 8);
  });

  it('keeps blocks of the size that is in use, whatever it kept before', () => {
    const transfers = new Transfers();
    const large = Array.from({ length: 8 }, () => transfers.takeBlock(1024 * KIB));
    for (const block of large) transfers.giveBack(block);
    const small = Array.from({ length: 100 }, () => transfers.takeBlock(64 * KIB));
    for (const block of small) transfers.giveBack(block);
    const again = small.map(() => transfers.takeBlock(64 * KIB));
    assert.ok(again.every((block) => small.includes(block)));
  });
});
