import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ApplicationFailure } from '@temporalio/common';

import { BUILD_HOST_FAILED } from '../../workflows/shared/failure-types';
import type { StepBench } from '../support/build-steps';
import { stepBench } from '../support/build-steps';
import type { OwnEngine } from '../support/docker';
import { docker, dockerIsMissing, ownEngine } from '../support/docker';
import { eventually } from '../support/eventually';
import type { GitServer, SourceRepository } from '../support/git-servers';
import { createRepository, startGitHttp } from '../support/git-servers';
import { product } from '../support/product';
import { createProject } from '../support/project';
import type { SmallDisk } from '../support/small-disk';
import { mountSmallDisk, NO_SMALL_DISK } from '../support/small-disk';

const MIB = 1024 ** 2;

/** Text of this size that cannot be packed well. */
const text = (bytes: number) => randomBytes((bytes * 3) / 4).toString('base64');

/** What makes a build begin again elsewhere, and tells its log why. */
function isHostFailure(error: unknown, message: RegExp): boolean {
  if (!(error instanceof ApplicationFailure) || error.type !== BUILD_HOST_FAILED) throw error;
  assert.equal(error.nonRetryable, true, 'it is not repeated on the same host');
  assert.match(error.message, message);
  return true;
}

describe('a build host whose disk is full', function () {
  this.timeout(90_000);
  let sources: SourceRepository;
  let server: GitServer;

  before(async () => {
    sources = createRepository();
    server = await startGitHttp(dirname(sources.bare));
  });
  after(async () => {
    await server.close();
    sources.dispose();
  });

  function own(test: Mocha.Context, sizeMib: number): SmallDisk {
    const disk = mountSmallDisk(sizeMib);
    if (disk) return disk;
    console.log(`      ${NO_SMALL_DISK}`);
    return test.skip();
  }

  async function begin(bench: StepBench, files: Record<string, string>) {
    const commit = sources.commit(files);
    sources.git('push', '--quiet', '--force', 'origin', 'HEAD:main');
    return bench.begin({
      triggerMetadata: { commit, ref: 'refs/heads/main', git_url: server.url('app.git') },
    });
  }

  describe('under the sources', () => {
    let disk: SmallDisk;
    let bench: StepBench;

    before(async function () {
      // Its clean-up asks the engine.
      if (dockerIsMissing()) this.skip();
      disk = own(this, 8);
      bench = await stepBench({ workDir: disk.path, docker: await docker() });
    });
    after(() => disk?.dispose());
    afterEach(() => disk?.empty());

    for (const [what, left] of [
      ['not even begin', 0],
      ['not fetch', MIB],
      ['not check out', 4 * MIB],
    ] as const) {
      it(`lets a clone ${what}, says so, and keeps nothing`, async () => {
        const { attempt } = await begin(bench, { Dockerfile: 'FROM scratch\n', big: text(3 * MIB) });
        disk.fill(left);
        await assert.rejects(
          bench.run(() => bench.steps.cloneSource(attempt)),
          (error) => {
            // Without saying where the host keeps its builds.
            assert.ok(!(error as Error).message.includes(disk.path), String(error));
            return isHostFailure(error, /^the disk of the build host is full: /);
          },
        );
        await bench.run(() => bench.steps.cleanUp(attempt));
        assert.deepEqual(
          readdirSync(disk.path).filter((name) => name !== 'ballast'),
          [],
        );
        disk.empty();
        await bench.run(() => bench.steps.cloneSource(attempt));
        await bench.run(() => bench.steps.cleanUp(attempt));
      });
    }
  });

  describe('under its engine', () => {
    let disk: SmallDisk;
    let engine: OwnEngine;
    let bench: StepBench;

    before(async function () {
      const missing = process.getuid?.() === 0 ? dockerIsMissing() : 'a private Docker engine needs root';
      if (missing) {
        this.test!.title += ` (${missing})`;
        this.skip();
      }
      disk = own(this, 200);
      engine = await ownEngine(disk.path);
      bench = await stepBench({ docker: await docker(engine.host) });
      addPrograms(sources.work);
    });
    after(async () => {
      await engine?.dispose();
      disk?.dispose();
      bench?.dispose();
    });

    const FAILURES: [string, string, string, RegExp][] = [
      ['take the context', 'FROM scratch\nCOPY big /big\n', '.git\n', /context/],
      [
        'run a command',
        'FROM scratch\nCOPY root /\nRUN ["/bin/dd", "if=/dev/zero", "of=/fill", "bs=1M", "count=24"]\n',
        '.git\nbig\n',
        /RUN \["\/bin\/dd"/,
      ],
    ];
    for (const [what, Dockerfile, ignored, step] of FAILURES) {
      it(`lets it not ${what}, says so, and builds when there is room`, async () => {
        const files = { Dockerfile, big: text(12 * MIB), '.dockerignore': ignored };
        const { attempt } = await begin(bench, files);
        await bench.run(() => bench.steps.cloneSource(attempt));
        const prepared = await bench.run(() => bench.steps.prepareContext(attempt));
        const build = () => bench.run(() => bench.steps.buildImage(attempt, prepared));
        disk.fill(15 * MIB);
        await assert.rejects(build(), (error) => {
          isHostFailure(error, /the disk of the engine is full: /);
          assert.match((error as Error).message, step);
          return true;
        });
        disk.empty();
        assert.match(await build(), /^sha256:/);
        await bench.run(() => bench.steps.cleanUp(attempt));
        assert.deepEqual(readdirSync(bench.workDir), []);
      });
    }
  });
});

describe('builds of the whole product on a host whose disk is full', function () {
  this.timeout(180_000);

  it('begin again, end with an error that names the disk, and go on without a restart', async function () {
    if (dockerIsMissing()) this.skip();
    const disk = mountSmallDisk(8);
    if (!disk) {
      console.log(`      ${NO_SMALL_DISK}`);
      return this.skip();
    }
    const made = await product();
    const project = await createProject(made);
    await made.kill('build worker', 'SIGTERM');
    const worker = await made.another('build worker', { BUILD_WORK_DIR: disk.path });
    try {
      disk.fill(MIB);
      await project.push({ Dockerfile: 'FROM scratch\nCOPY big /\n', big: text(2 * MIB) });
      const failed = await project.waitFor(['expired', 'error', 'complete']);
      assert.equal(failed.phase, 'expired', 'an internal error with no attempt left');
      assert.match(failed.error ?? '', /^the disk of the build host is full: .*given up after 3 attempts$/);
      const log = (await project.logs(failed.id)).map(({ message }) => message);
      const again = log.filter((line) => /the disk of the build host is full: .*begins again$/.test(line));
      assert.equal(again.length, 2, log.join('\n'));
      await eventually(() => assert.deepEqual(readdirSync(disk.path), ['ballast']));

      disk.empty();
      await project.push({ small: 'x' });
      const next = await project.waitFor(['expired', 'error', 'complete']);
      assert.equal(next.phase, 'complete', next.error ?? '');
      assert.notEqual(next.id, failed.id);
      await eventually(() => assert.deepEqual(readdirSync(disk.path), []));
      assert.equal(worker.child.exitCode, null, 'it is the same worker');
    } finally {
      await worker.stop();
      await made.start('build worker');
      await project.dispose();
      disk.dispose();
    }
  });
});

/** What `dd` needs to run in an image without a base. */
function addPrograms(work: string): void {
  const libraries = execFileSync('ldd', ['/bin/dd'], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  for (const path of ['/bin/dd', ...libraries]) {
    const target = join(work, 'root', path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(path, target);
  }
}
