import assert from 'node:assert/strict';

import { pushBlob } from './blob-pushes';
import type { Place, RandomBlob } from './place';

const SIZE_BYTES = 2048;
/** What is asked for, and which bytes come for it, both ends included. */
const RANGES: readonly (readonly [range: string, from: number, to: number])[] = [
  ['bytes=500-1499', 500, 1499],
  ['bytes=500-', 500, SIZE_BYTES - 1],
  ['bytes=-500', SIZE_BYTES - 500, SIZE_BYTES - 1],
  ['bytes=2000-5000', 2000, SIZE_BYTES - 1],
];

/** Parts of a blob (registry spec 15.3). */
export function describeRanges(place: () => Place, random: RandomBlob): void {
  it('are read in parts', async () => {
    const { one } = place();
    const { digest, bytes } = random(SIZE_BYTES);
    await pushBlob(one, { digest, bytes });
    for (const [range, from, to] of RANGES) {
      const answer = await one.client.expect(206, 'GET', one.blob(digest), { headers: { range } });
      assert.equal(answer.headers['content-length'], String(to - from + 1));
      assert.equal(answer.headers['content-range'], `bytes ${from}-${to}/${SIZE_BYTES}`);
      assert.ok(answer.body.equals(bytes.subarray(from, to + 1)));
    }
    for (const range of ['bytes=500-0', 'bytes=5000-10000']) {
      const answer = await one.client.expect(416, 'GET', one.blob(digest), { headers: { range } });
      assert.equal(answer.headers['content-range'], `bytes */${SIZE_BYTES}`);
    }
    await one.remove(one.blob(digest));
  });
}
