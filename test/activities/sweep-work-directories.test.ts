import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { DataSource } from 'typeorm';

import { sweepWorkDirectories } from '../../activities/maintain/sweep-work-directories';
import { insertBuild } from '../support/builds';
import { sharedDatabase } from '../support/database';

describe('sweepWorkDirectories', function () {
  this.timeout(60_000);
  let dataSource: DataSource;
  let folder: string;
  const now = Date.now();
  const cleaned: { buildId: string; attempt: number }[] = [];
  const cleanUp = (attempt: { buildId: string; attempt: number }) =>
    Promise.resolve(void cleaned.push(attempt));

  before(async () => {
    dataSource = await sharedDatabase();
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-test-sweep-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function sweep(): Promise<string[]> {
    return sweepWorkDirectories({ dataSource, now: () => now, folder, cleanUp });
  }

  function checkout(name: string): string {
    mkdirSync(join(folder, name, 'source'), { recursive: true });
    writeFileSync(join(folder, name, 'source', 'Dockerfile'), 'FROM scratch');
    return name;
  }

  it('removes what ended builds and builds that no longer exist have left', async () => {
    const ended = await insertBuild(dataSource, { phase: 'internalerror', endedAtMs: now - 60_000 });
    const names = [checkout(`${ended.uuid}-1`), checkout(ended.uuid), checkout(randomUUID())];
    assert.deepEqual((await sweep()).sort(), names.sort());
    assert.deepEqual(cleaned, [{ buildId: ended.uuid, attempt: 1 }]);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('leaves builds that run, those that ended a moment ago, and what is not of a build', async () => {
    const running = await insertBuild(dataSource, { phase: 'pushing' });
    const justEnded = await insertBuild(dataSource, { phase: 'cancelled', endedAtMs: now - 1000 });
    const names = [checkout(running.uuid), checkout(justEnded.uuid), checkout('cache')];
    assert.deepEqual(await sweep(), []);
    assert.deepEqual(readdirSync(folder).sort(), names.sort());
  });

  it('has nothing to do where no build has been yet', async () => {
    assert.deepEqual(
      await sweepWorkDirectories({ dataSource, now: () => now, folder: join(folder, 'none'), cleanUp }),
      [],
    );
  });
});
