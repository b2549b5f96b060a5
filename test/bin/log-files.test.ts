import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { boundLogs, openLog } from '../../bin/launcher/parts/log-files.cjs';

describe('launcher logs', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-logs-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const read = (name: string) => readFileSync(join(folder, name), 'utf8');

  it('bounds a log while its process writes on, and keeps one predecessor', () => {
    const log = openLog(folder, 'serve');
    try {
      for (const round of ['first', 'second', 'third']) {
        writeSync(log, `${round}\n`.repeat(100));
        boundLogs(folder, 200);
        writeSync(log, `after ${round}\n`);
      }
    } finally {
      closeSync(log);
    }
    assert.equal(read('serve.log'), 'after third\n');
    assert.equal(read('serve.log.1'), `after second\n${'third\n'.repeat(100)}`);
  });

  it('leaves a small log alone', () => {
    closeSync(openLog(folder, 'relay'));
    boundLogs(folder, 200);
    assert.equal(statSync(join(folder, 'relay.log')).size, 0);
    assert.throws(() => read('relay.log.1'), /ENOENT/);
  });
});
