import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { AccessEntry } from '../../telemetry/access-log';
import { createAccessLog } from '../../telemetry/access-log';
import { eventually } from '../support/eventually';

describe('the access log', () => {
  let folder: string;
  let file: string;
  let fd: number;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-test-log-'));
    file = join(folder, 'log');
    fd = openSync(file, 'a');
  });
  afterEach(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  const entry = (changes: Partial<AccessEntry> = {}): AccessEntry => ({
    ...{ requestId: 'a-1', address: '127.0.0.1', method: 'GET', path: '/v2/', status: 200 },
    ...{ durationMs: 1.26, receivedBytes: 120, sentBytes: 300, ...changes },
  });
  const lines = () => readFileSync(file, 'utf8').split('\n').filter(Boolean);

  it('is lines of JSON like all others, whatever clients write', async () => {
    const log = createAccessLog({ LOG_LEVEL: 'info' }, { part: 'serve', pid: 7 }, fd);
    assert.ok(log);
    const paths = ['/v2/a"b\\c', '/v2/%00\u0001\n', '/v2/ü€', '/'.repeat(8000)];
    for (const path of paths) log.write(entry({ path }));
    log.write(entry({ address: null, status: 'cut' }));
    await eventually(() => assert.equal(lines().length, 5));
    const parsed = lines().map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      parsed.map(({ path }) => path),
      [...paths, '/v2/'],
    );
    const { time, ...last } = parsed[4] ?? {};
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual(last, {
      ...{ level: 30, part: 'serve', pid: 7, requestId: 'a-1', address: null, method: 'GET', path: '/v2/' },
      ...{ status: 'cut', durationMs: 1.3, receivedBytes: 120, sentBytes: 300, msg: 'request' },
    });
  });

  it('keeps every line of many', async () => {
    const log = createAccessLog({ LOG_LEVEL: 'debug' }, { part: 'serve' }, fd);
    for (let count = 0; count < 2000; count += 1) log?.write(entry({ requestId: `a-${count}` }));
    await eventually(() => assert.equal(lines().length, 2000));
    const ids = lines().map((line) => (JSON.parse(line) as { requestId: string }).requestId);
    assert.deepEqual(
      ids,
      ids.map((_, index) => `a-${index}`),
    );
  });

  it('is not written where the level leaves requests out', () => {
    assert.equal(createAccessLog({ LOG_LEVEL: 'warn' }, { part: 'serve' }, fd), undefined);
  });
});
