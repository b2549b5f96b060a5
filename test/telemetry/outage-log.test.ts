import assert from 'node:assert/strict';

import { OutageLog } from '../../telemetry/outage-log';
import { keepLog } from '../support/kept-log';

describe('the log of an outage', () => {
  it('tells of each kind once, and of how many more when it is time again', () => {
    const { logger, errors } = keepLog();
    let nowMs = 0;
    const log = new OutageLog(logger, 10_000, () => nowMs);
    for (let i = 0; i < 500; i += 1) log.report('database', { requestId: `a-${i}` }, 'no database');
    log.report('storage', { requestId: 'b' }, 'no room');
    nowMs = 10_000;
    log.report('database', { requestId: 'c' }, 'no database');
    assert.deepEqual(
      errors().map(({ requestId, unlogged }) => [requestId, unlogged]),
      [
        ['a-0', 0],
        ['b', 0],
        ['c', 499],
      ],
    );
  });
});
