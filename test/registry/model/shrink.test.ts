import assert from 'node:assert/strict';

import { shrink } from './shrink';

describe('shrink', () => {
  const numbers = Array.from({ length: 1000 }, (_, n) => n);
  const needs = (wanted: number[]) => (items: readonly number[]) =>
    Promise.resolve(wanted.every((one) => items.includes(one)));

  it('leaves what the failure needs, in its order', async () => {
    for (const wanted of [[0], [999], [3, 500, 501], [7, 8, 9, 800]]) {
      assert.deepEqual(await shrink(numbers, needs(wanted), Infinity), wanted);
    }
  });

  it('leaves nothing when everything fails', async () => {
    assert.deepEqual(await shrink(numbers, needs([]), Infinity), []);
  });

  it('does not need a thousand tries for a thousand items', async () => {
    let tries = 0;
    await shrink(numbers, (items) => ((tries += 1), needs([400, 600])(items)), Infinity);
    assert.ok(tries < 100, `${tries} tries`);
  });

  it('ends at the deadline with a list that still fails', async () => {
    assert.deepEqual(await shrink(numbers, needs([1]), performance.now() - 1), numbers);
  });
});
