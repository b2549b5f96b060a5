import assert from 'node:assert/strict';

import { BlobLinks } from '../../storage/s3/blob-links';

const MINUTE_MS = 60_000;

describe('BlobLinks', () => {
  let signed: string[];
  let nowMs: number;
  let links: BlobLinks;
  let failure: Error | undefined;
  beforeEach(() => {
    signed = [];
    nowMs = 0;
    failure = undefined;
    links = new BlobLinks({ link: sign }, () => nowMs);
  });

  function sign(key: string, lifetimeS: number): Promise<string> {
    signed.push(key);
    return failure ? Promise.reject(failure) : Promise.resolve(`${key} ${signed.length} ${lifetimeS}`);
  }

  it('gives a link again while most of its life is left, and a new one after that', async () => {
    const first = await links.of('a');
    assert.equal(first, 'a 1 1200');
    nowMs = 5 * MINUTE_MS - 1;
    assert.equal(await links.of('a'), first);
    assert.equal(await links.of('b'), 'b 2 1200');
    nowMs += 1;
    assert.equal(await links.of('a'), 'a 3 1200');
  });

  it('signs once for who asks at the same time', async () => {
    await Promise.all(Array.from({ length: 20 }, () => links.of('a')));
    assert.deepEqual(signed, ['a']);
  });

  it('remembers no failure', async () => {
    failure = new Error('no credentials');
    await assert.rejects(links.of('a'), /no credentials/);
    failure = undefined;
    assert.equal(await links.of('a'), 'a 2 1200');
  });

  it('forgets the oldest of too many', async () => {
    for (let at = 0; at <= 10_000; at += 1) await links.of(`key-${at}`);
    await links.of('key-1');
    assert.equal(signed.length, 10_001);
    await links.of('key-0');
    assert.equal(signed.length, 10_002);
  });
});
