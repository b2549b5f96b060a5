import assert from 'node:assert/strict';

import { FAULT_KINDS, FULL, makePlan, SHORT, TARGETS } from './plan';

describe('the plan of a fault campaign', () => {
  it('is the same for the same seed, and another one for another', () => {
    assert.deepEqual(makePlan(7, FULL), makePlan(7, FULL));
    assert.notDeepEqual(makePlan(7, FULL).faults, makePlan(8, FULL).faults);
  });

  it('spreads its faults over all processes and kinds', () => {
    const { faults, pushes, builds } = makePlan(7, FULL);
    assert.deepEqual([faults.length, pushes.length, builds.length], [30, 50, 10]);
    for (const target of TARGETS) {
      const kinds = faults.filter((fault) => fault.target === target).map(({ kind }) => kind);
      assert.deepEqual([...new Set(kinds)].sort(), [...FAULT_KINDS].sort(), target);
    }
  });

  it('meets every process in the short form as well', () => {
    const { faults } = makePlan(7, SHORT);
    assert.deepEqual(faults.map(({ target }) => target).sort(), [...TARGETS].sort());
  });

  it('stays within its window', () => {
    const { faults, pushes, builds, scale } = makePlan(7, FULL);
    for (const { atMs } of [...faults, ...pushes, ...builds]) assert.ok(atMs >= 0 && atMs <= scale.windowMs);
  });
});
