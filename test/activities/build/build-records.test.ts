import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';

import {
  createBuildMarkActivities,
  createBuildRecordActivities,
} from '../../../activities/build/build-records';
import { appendBuildLog, beginAttempt } from '../../../commands/builds/build-attempts';
import { BuildLogEntry } from '../../../db/entities/builds';
import type { BuildBench } from '../../support/build-bench';
import { buildBench } from '../../support/build-bench';

describe('the records of a build', () => {
  let bench: BuildBench;
  let objects: Map<string, string>;
  let records: ReturnType<typeof createBuildRecordActivities>;

  beforeEach(async () => {
    bench = await buildBench();
    objects = new Map();
    const storage = {
      async putObject(key: string, body: Readable | Buffer) {
        const content = Buffer.isBuffer(body) ? body.toString() : await text(body);
        objects.set(key, content);
        return content.length;
      },
    };
    records = createBuildRecordActivities({ ...bench.deps, storage });
  });

  it('keep the log as one object once the build has ended, in the shape of the API', async () => {
    const build = await bench.addBuild();
    const attempt = { buildId: build.uuid, attempt: 1 };
    await beginAttempt(bench.deps, attempt);
    const lines = Array.from({ length: 2500 }, (_, index) => ({ message: `line ${index}` }));
    await appendBuildLog(bench.deps, attempt, lines);
    await records.failBuild(attempt, { phase: 'error', code: 'builderror', message: 'it failed' });
    await records.archiveLog(build.uuid);
    await records.archiveLog(build.uuid);

    const { logObjectKey, logLength } = await bench.reload(build);
    const archive = JSON.parse(objects.get(logObjectKey ?? '') ?? '') as {
      total: number;
      logs: { message: string; type: string | null; data: object; datetime: string }[];
    };
    assert.deepEqual([archive.total, archive.logs.length, logLength], [2502, 2502, 2502]);
    assert.equal(archive.logs[2499]?.message, 'line 2499');
    assert.equal(archive.logs[2501]?.type, 'error');
    assert.equal(await bench.dataSource.manager.countBy(BuildLogEntry, { buildId: build.id }), 0);
  });

  it('leave the log where it is while the build runs, and write an empty one for a build without lines', async () => {
    const running = await bench.addBuild({ phase: 'building' });
    await records.archiveLog(running.uuid);
    assert.equal((await bench.reload(running)).logObjectKey, null);

    const cancelled = await bench.addBuild({ phase: 'cancelled' });
    await records.archiveLog(cancelled.uuid);
    const { logObjectKey } = await bench.reload(cancelled);
    assert.equal(objects.get(logObjectKey ?? ''), '{"start":0,"total":0,"logs":[]}');
  });

  it('tell which builds have not ended', async () => {
    const open = await bench.addBuild({ phase: 'pushing' });
    const ended = await bench.addBuild({ phase: 'complete' });
    assert.deepEqual(await records.keepOpenBuilds([open.uuid, ended.uuid, 'unknown']), [open.uuid]);
    assert.deepEqual(await records.keepOpenBuilds([]), []);
  });

  it('answer null for an attempt at a build that has ended', async () => {
    const build = await bench.addBuild({ phase: 'cancelled' });
    const marks = createBuildMarkActivities(bench.deps);
    assert.equal(await marks.beginAttempt({ buildId: build.uuid, attempt: 1 }), null);
  });
});
