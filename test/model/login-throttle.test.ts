import assert from 'node:assert/strict';

import type { LoginBackoff } from '../../model/login-throttle';
import { backoffWaitMs, FLOOD_LIMITS, floodWaitMs, nextBackoff } from '../../model/login-throttle';

const NOW = 1_000_000_000;

function afterFailures(count: number): LoginBackoff | null {
  let backoff: LoginBackoff | null = null;
  for (let failures = 0; failures < count; failures += 1) backoff = nextBackoff(backoff, NOW);
  return backoff;
}

describe('the wait after wrong passwords', () => {
  it('doubles from half a second to eight and a half minutes, and no further', () => {
    const waits = [0, 1, 2, 3, 4, 5, 9, 10, 11, 40].map((count) => backoffWaitMs(afterFailures(count), NOW));
    assert.deepEqual(waits, [0, 500, 1500, 3500, 7500, 15_500, 255_500, 511_500, 511_500, 511_500]);
  });

  it('ends to the millisecond', () => {
    const backoff = afterFailures(5);
    assert.equal(backoffWaitMs(backoff, NOW + 15_499), 1);
    assert.equal(backoffWaitMs(backoff, NOW + 15_500), 0);
  });

  it('begins anew after a day without a failure', () => {
    const backoff = afterFailures(9);
    const day = 24 * 3_600_000;
    assert.equal(nextBackoff(backoff, NOW + day - 1).failures, 10);
    assert.equal(nextBackoff(backoff, NOW + day).failures, 1);
  });

  it('locks nobody out because the clock was set back', () => {
    assert.equal(backoffWaitMs(afterFailures(10), NOW - 1), 0);
    const { subject: limit } = FLOOD_LIMITS;
    assert.equal(floodWaitMs(limit, NOW + 100 * limit.allowance * limit.forgivenEveryMs, NOW), 0);
  });
});

describe('failures over many addresses, or on many accounts', () => {
  const limit = { allowance: 3, forgivenEveryMs: 1000 };

  it('are free up to the allowance, and forgiven one by one', () => {
    const waits = [null, NOW - 1, NOW, NOW + 1000, NOW + 2000, NOW + 2500, NOW + 3000].map((drainedAtMs) =>
      floodWaitMs(limit, drainedAtMs, NOW),
    );
    assert.deepEqual(waits, [0, 0, 0, 0, 0, 500, 1000]);
  });
});
