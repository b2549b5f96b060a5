import assert from 'node:assert/strict';

import {
  judgeResponse,
  parseRetryAfter,
  toApplicationFailure,
  toDeferral,
} from '../../../activities/deliver/failures';

const now = Date.parse('2026-02-03T10:00:00Z');

describe('judgeResponse', () => {
  it('is content with every 2xx', () => {
    assert.equal(judgeResponse(200, undefined, now), undefined);
    assert.equal(judgeResponse(204, '5', now), undefined);
  });

  it('takes redirects and 4xx for final, but for 408, 425 and 429', () => {
    for (const status of [301, 307, 400, 401, 404, 410]) {
      assert.equal(judgeResponse(status, '9', now)?.permanent, true);
    }
    for (const status of [408, 425, 429, 500, 503]) {
      assert.equal(judgeResponse(status, undefined, now)?.permanent, false);
    }
  });

  it('waits as long as the receiver asked', () => {
    assert.equal(judgeResponse(429, '120', now)?.retryAfterMs, 120_000);
    assert.equal(judgeResponse(503, 'Tue, 03 Feb 2026 10:05:00 GMT', now)?.retryAfterMs, 300_000);
  });
});

describe('parseRetryAfter', () => {
  it('stays between a second and six hours', () => {
    assert.equal(parseRetryAfter('0', now), 1000);
    assert.equal(parseRetryAfter('Tue, 03 Feb 2026 09:00:00 GMT', now), 1000);
    assert.equal(parseRetryAfter('9999999', now), 6 * 3_600_000);
  });

  it('ignores what is neither seconds nor a date', () => {
    for (const value of [undefined, '', 'soon', '-5', '1e3']) {
      assert.equal(parseRetryAfter(value, now), undefined, value);
    }
  });
});

describe('toApplicationFailure', () => {
  it('stops retries of final failures only', () => {
    const failure = { message: 'x', responseStatus: 404 };
    assert.equal(toApplicationFailure({ ...failure, permanent: true }, 1, undefined).nonRetryable, true);
    assert.equal(toApplicationFailure({ ...failure, permanent: false }, 1, undefined).nonRetryable, false);
  });

  it('waits longer after each try, unless the receiver asked for a time', () => {
    const failure = { message: 'x', responseStatus: 503, permanent: false };
    const policy = { initialInterval: '10s', backoffCoefficient: 1, maximumInterval: '30m' } as const;
    const pauses = [1, 2, 3, 20].map((tries) =>
      Number(toApplicationFailure(failure, tries, policy).nextRetryDelay),
    );
    assert.deepEqual(pauses, [10_000, 20_000, 40_000, 1_800_000]);
    const asked = toApplicationFailure({ ...failure, retryAfterMs: 5000 }, 3, policy);
    assert.equal(asked.nextRetryDelay, 5000);
  });
});

describe('toDeferral', () => {
  it('asks a busy receiver soon, then ever later up to a minute and a half, and a silent one like one that fails', () => {
    const retryPolicy = { initialInterval: '10s', maximumInterval: '30m' } as const;
    const pauseOf = (attempt: number) =>
      Number(toDeferral('x', 'busy', { attempt, retryPolicy }).nextRetryDelay);
    assert.ok(pauseOf(1) >= 1000 && pauseOf(1) <= 3000);
    assert.ok(pauseOf(1000) >= 30_000 && pauseOf(1000) <= 90_000);
    assert.equal(toDeferral('x', 'silent', { attempt: 3, retryPolicy }).nextRetryDelay, 40_000);
  });
});
