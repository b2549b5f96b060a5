import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';

import { tryLock, withLock } from '../../bin/launcher/lock-file.cjs';
import { stopOrphans } from '../../bin/launcher/parts/orphans.cjs';
import {
  RUN_MARK,
  isSameProcess,
  readRecords,
  startTimeOf,
  writeRecord,
} from '../../bin/launcher/pid-records.cjs';
import { createTerminal } from '../../bin/launcher/terminal.cjs';
import { eventually } from '../support/eventually';

describe('launcher process records', () => {
  const terminal = createTerminal({ out: new PassThrough() });
  const children: ChildProcess[] = [];
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-records-'));
  });

  afterEach(() => {
    for (const child of children.splice(0)) if (child.exitCode === null && child.pid) endGroup(child.pid);
    rmSync(folder, { recursive: true });
  });

  function startSleeper(script = 'exec sleep 60', runId = 'run-1'): ChildProcess & { pid: number } {
    const child = spawn('sh', ['-c', script], {
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, [RUN_MARK]: runId },
    });
    children.push(child);
    return child as ChildProcess & { pid: number };
  }

  it('knows a process by its start time', () => {
    const startTime = startTimeOf(process.pid);
    assert.notEqual(startTime, '');
    assert.equal(isSameProcess({ pid: process.pid, startTime }), true);
    assert.equal(isSameProcess({ pid: process.pid, startTime: `${startTime}0` }), false);
    assert.equal(isSameProcess({ pid: 2 ** 22 + 1, startTime: '' }), false);
  });

  it('stops what an earlier run recorded', async () => {
    const child = startSleeper();
    writeRecord(folder, 'relay', { pid: child.pid, runId: 'run-1' });
    assert.deepEqual(await stopOrphans(folder, terminal), ['relay']);
    await eventually(() => assert.equal(child.signalCode, 'SIGTERM'));
    assert.deepEqual(readRecords(folder), []);
  });

  it('never touches a stranger that got the id of a recorded process', async () => {
    const stranger = startSleeper('exec sleep 60', 'somebody else');
    const record = { name: 'serve', pid: stranger.pid, startTime: 'long ago', runId: 'run-1' };
    writeFileSync(join(folder, 'serve.pid.json'), JSON.stringify(record));
    assert.deepEqual(await stopOrphans(folder, terminal), []);
    assert.equal(isSameProcess({ pid: stranger.pid, startTime: startTimeOf(stranger.pid) }), true);
  });

  it('ends what ignores the polite request, with its children', async () => {
    const child = startSleeper('trap "" TERM; sleep 60 & wait; wait; sleep 60');
    writeRecord(folder, 'worker', { pid: child.pid, runId: 'run-1' });
    await eventually(() =>
      assert.ok(readFileSync(`/proc/${child.pid}/status`, 'utf8').includes('SigIgn:\t0000000000004000')),
    );
    assert.deepEqual(await stopOrphans(folder, terminal, { graceMs: 300 }), ['worker']);
    await eventually(() => assert.equal(child.signalCode, 'SIGKILL'));
  });

  it('finds children whose leader is gone', async () => {
    const leader = startSleeper(`sleep 60 & echo $! > ${join(folder, 'child')}; exec sleep 60`);
    writeRecord(folder, 'serve', { pid: leader.pid, runId: 'run-1' });
    await eventually(() =>
      assert.ok(
        existsSync(join(folder, 'child')) && readFileSync(join(folder, 'child'), 'utf8').trim() !== '',
      ),
    );
    const child = Number(readFileSync(join(folder, 'child'), 'utf8'));
    leader.kill('SIGKILL');
    await eventually(() => assert.equal(leader.signalCode, 'SIGKILL'));
    assert.deepEqual(await stopOrphans(folder, terminal, { graceMs: 300 }), ['serve']);
    await eventually(() => assert.equal(startTimeOf(child), ''));
  });
});

describe('launcher lock', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-lock-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('lets one at a time do the work', async () => {
    const file = join(folder, 'deep', 'build.lock');
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside -= 1;
    };
    await Promise.all([1, 2, 3, 4].map(() => withLock(file, work, { pollMs: 2 })));
    assert.equal(most, 1);
    assert.equal(existsSync(file), false);
  });

  it('takes over the lock of a process that is dead, and not that of one that lives', () => {
    const file = join(folder, 'launcher.json');
    writeFileSync(file, JSON.stringify({ pid: process.pid, startTime: 'an earlier process with this id' }));
    assert.equal(tryLock(file), undefined);
    assert.equal(tryLock(file)?.pid, process.pid);
  });

  it('is released when the work fails', async () => {
    const file = join(folder, 'build.lock');
    await assert.rejects(
      withLock(file, () => Promise.reject(new Error('broken'))),
      /broken/,
    );
    assert.equal(tryLock(file), undefined);
  });
});

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
