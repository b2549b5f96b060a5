import assert from 'node:assert/strict';

import { RestartPolicy } from '../../serve/restart-policy';

describe('restarts of processes that die', () => {
  it('come after pauses that grow, and not at all when each new one dies too', () => {
    const policy = new RestartPolicy();
    let nowMs = 0;
    const pauses: (number | undefined)[] = [];
    for (let death = 0; death < 7; death += 1) {
      const pauseMs = policy.afterDeath(nowMs);
      pauses.push(pauseMs);
      nowMs += (pauseMs ?? 0) + 1000;
    }
    assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 16_000, undefined]);
  });

  it('go on for ever where a process dies now and then', () => {
    const policy = new RestartPolicy();
    for (let minute = 0; minute < 1000; minute += 1) assert.equal(policy.afterDeath(minute * 60_000), 500);
  });

  it('are tried for ever where a start fails, at most every 30 s', () => {
    const policy = new RestartPolicy();
    assert.equal(policy.afterDeath(0), 500);
    const pauses = Array.from({ length: 100 }, () => policy.afterFailedStart());
    assert.deepEqual(pauses.slice(0, 3), [1000, 2000, 4000]);
    assert.equal(pauses.at(-1), 30_000);
  });
});
