import assert from 'node:assert/strict';

import { isLeaseHeld } from '../../model/leases';

describe('leases', () => {
  const LENGTH_MS = 30_000;
  const held = (untilMs: number | null) => isLeaseHeld(untilMs, 1_000_000, LENGTH_MS);

  it('are held until they end', () => {
    assert.equal(held(null), false);
    assert.equal(held(1_000_000), false);
    assert.equal(held(1_000_001), true);
  });

  it('are held when their giver read a clock that is a little ahead', () => {
    assert.equal(held(1_000_000 + LENGTH_MS + 1), true);
  });

  it('are not when they come from a time before the clock was set back', () => {
    assert.equal(held(1_000_000 + 2 * LENGTH_MS + 1), false);
  });
});
