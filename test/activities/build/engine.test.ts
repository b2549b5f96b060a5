import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { once } from 'node:events';
import { dirname, join } from 'node:path';

import { MockActivityEnvironment } from '@temporalio/testing';
import type Docker from 'dockerode';

import type { PreparedContext } from '../../../activities/build/contracts';
import type { BuildAttempt } from '../../../commands/builds/build-attempts';
import { mintRepositoryToken } from '../../../auth/tokens';
import { cancelBuild } from '../../../commands/builds/cancel-build';
import type { Build } from '../../../db/entities/builds';
import { Tag } from '../../../db/entities/content';
import { BUILD_ATTEMPT_OVER } from '../../../workflows/shared/failure-types';
import type { StepBench } from '../../support/build-steps';
import { isUserError, stepBench } from '../../support/build-steps';
import { debianRoot, docker, dockerIsMissing, importDebian } from '../../support/docker';
import { eventually } from '../../support/eventually';
import type { GitServer, SourceRepository } from '../../support/git-servers';
import { createRepository, startGitHttp } from '../../support/git-servers';
import type { TestRegistry } from '../../support/registry';
import { startRegistry } from '../../support/registry';

describe('the engine steps of a build', function () {
  this.timeout(120_000);
  let engine: Docker;
  let bench: StepBench;
  let registry: TestRegistry;
  let sources: SourceRepository;
  let server: GitServer;
  /** A Debian in our own registry, which the build itself may read. */
  let base: string;

  before(async function () {
    const root = debianRoot();
    const missing = dockerIsMissing() ?? ('missing' in root ? root.missing : undefined);
    if (missing) {
      this.test!.title += ` (${missing})`;
      this.skip();
    }
    engine = await docker();
    registry = await startRegistry();
    const config = { SERVER_HOSTNAME: registry.host, BUILD_WORK_DIR: '' };
    bench = await stepBench({ docker: engine, config });
    sources = createRepository();
    server = await startGitHttp(dirname(sources.bare));
    base = `${registry.host}/${bench.repository.namespace}/${bench.repository.name}:base`;
    await importDebian(base);
    await pushAsOwner(base);
  });
  after(async () => {
    await server?.close();
    await registry?.close();
    sources?.dispose();
    bench?.dispose();
  });

  async function pushAsOwner(reference: string): Promise<void> {
    const { password } = await mintRepositoryToken(bench.dataSource.manager, {
      repositoryId: bench.repository.id,
      kind: 'trigger',
      role: 'write',
      friendlyName: 'test',
      nowMs: Date.now(),
    });
    const authconfig = { username: '$token', password, serveraddress: registry.host };
    const stream = await engine.getImage(reference).push({ authconfig });
    await new Promise<void>((resolve, reject) => {
      engine.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
    });
  }

  interface Prepared {
    build: Build;
    attempt: BuildAttempt;
    prepared: PreparedContext;
  }

  /** Commits these files and takes a build of them up to its context. */
  async function prepare(
    files: Record<string, string | undefined>,
    columns: Partial<Build> = {},
  ): Promise<Prepared> {
    const commit = sources.commit(files);
    sources.git('push', '--quiet', '--force', 'origin', 'HEAD:main');
    const { build, attempt } = await bench.begin({
      triggerMetadata: { commit, ref: 'refs/heads/main', git_url: server.url('app.git') },
      ...columns,
    });
    await bench.run(() => bench.steps.cloneSource(attempt));
    const prepared = await bench.run(() => bench.steps.prepareContext(attempt));
    return { build, attempt, prepared };
  }

  const buildIt = ({ attempt, prepared }: Prepared) =>
    bench.run(() => bench.steps.buildImage(attempt, prepared));

  it('builds, pushes every tag, writes the log with its steps, and cleans up', async () => {
    const marker = randomBytes(8).toString('hex');
    const ready = await prepare(
      {
        'svc/Dockerfile': `FROM ${base}\nCOPY . /app\nRUN echo "seen $(ls -A /app | tr '\\n' ' ')" && echo ${marker} > /marker\n`,
        'svc/.dockerignore': 'secret*\n!secret.pub\nDockerfile\n',
        'svc/app.txt': 'x',
        'svc/secret.key': 'x',
        'svc/secret.pub': 'x',
        'outside.txt': 'x',
      },
      { context: '/svc', dockerfilePath: '/svc/Dockerfile', dockerTags: ['main', 'v1'] },
    );
    const { attempt, build, prepared } = ready;
    assert.deepEqual(prepared, { context: 'svc', dockerfile: 'Dockerfile', baseImages: [base] });
    await bench.run(() => bench.steps.checkBaseImages(attempt, prepared.baseImages));
    const imageId = await buildIt(ready);
    assert.match(imageId, /^sha256:[0-9a-f]{64}$/);
    const digest = await bench.run(() => bench.steps.pushImage(attempt, imageId));
    const tags = await bench.dataSource.manager.findBy(Tag, { repositoryId: bench.repository.id, digest });
    assert.deepEqual(tags.map((tag) => tag.name).sort(), ['main', 'v1']);

    const messages = await bench.messagesOf(build);
    assert.ok(messages.includes('seen .dockerignore Dockerfile app.txt secret.pub '), messages.join('\n'));
    assert.ok(messages.some((message) => /^\[3\/3\] RUN echo/.test(message)));
    const row = await bench.reload(build);
    assert.equal(row.status.total_commands, 3);
    assert.equal(row.status.current_command, 3);

    await bench.run(() => bench.steps.cleanUp(attempt));
    await bench.run(() => bench.steps.cleanUp(attempt));
    assert.ok(!existsSync(join(bench.workDir, `${build.uuid}-1`)));
    const left = await engine.listImages({
      all: true,
      filters: JSON.stringify({ label: [`slipway.build=${build.uuid}`] }),
    });
    assert.deepEqual(left, []);
  });

  describe('tells the user', () => {
    it('which step failed and how', async () => {
      const ready = await prepare({ Dockerfile: `FROM ${base}\nRUN echo about to fail && exit 3\n` });
      await assert.rejects(
        buildIt(ready),
        isUserError('builderror', /RUN echo about to fail && exit 3 failed: .*exit code: 3/),
      );
      assert.ok((await bench.messagesOf(ready.build)).includes('about to fail'));
    });

    it('that the Dockerfile does not parse, whoever notices it', async () => {
      await assert.rejects(
        prepare({ Dockerfile: `FROM ${base}\nRUNN true\n` }),
        isUserError('dockerfileissue', /line 2: unknown instruction "RUNN"/),
      );
      const ready = await prepare({ Dockerfile: `FROM ${base}\nEXPOSE not-a-port\n` });
      await assert.rejects(buildIt(ready), isUserError('dockerfileissue', /not-a-port/));
    });

    it('that a file to copy is not in the context', async () => {
      const ready = await prepare({ Dockerfile: `FROM ${base}\nCOPY missing.txt /\n` });
      await assert.rejects(buildIt(ready), isUserError('builderror', /missing\.txt/));
    });

    it('that there is no Dockerfile', async () => {
      await assert.rejects(
        prepare({ Dockerfile: undefined, 'a.txt': 'x' }),
        isUserError('dockerfileissue', /Dockerfile "Dockerfile" is not in the repository/),
      );
    });

    it('that the context is outside the checkout', async () => {
      const files = { Dockerfile: 'FROM scratch\n' };
      await assert.rejects(prepare(files, { context: '/..' }), isUserError('dockerfileissue', /leads out/));
      symlinkSync('/etc', join(sources.work, 'etc'));
      await assert.rejects(
        prepare(files, { context: '/etc', dockerfilePath: '/etc/Dockerfile' }),
        isUserError('dockerfileissue', /context "\/etc" leads out of the checkout/),
      );
      symlinkSync('/etc/passwd', join(sources.work, 'passwd'));
      await assert.rejects(
        prepare(files, { dockerfilePath: '/passwd' }),
        isUserError('dockerfileissue', /leads out of the checkout/),
      );
      sources.git('rm', '--quiet', 'etc', 'passwd');
    });

    it('which base image is missing in our own registry, before and while it builds', async () => {
      const missing = `${registry.host}/${bench.repository.namespace}/nothing:v1`;
      const ready = await prepare({ Dockerfile: `FROM ${missing}\nRUN true\n` });
      const started = Date.now();
      await assert.rejects(
        bench.run(() => bench.steps.checkBaseImages(ready.attempt, ready.prepared.baseImages)),
        isUserError('cannotpullbaseimage', new RegExp(`base image "${missing}" is not in this registry`)),
      );
      await assert.rejects(buildIt(ready), isUserError('cannotpullbaseimage', /nothing:v1/));
      assert.ok(Date.now() - started < 10_000);
    });

    it('that a base image of another repository may not be used, although the engine has it', async () => {
      const other = await stepBench({
        docker: engine,
        config: { SERVER_HOSTNAME: registry.host, BUILD_WORK_DIR: '' },
      });
      const commit = sources.commit({
        Dockerfile: `FROM ${base}\n`,
        'x.txt': randomBytes(4).toString('hex'),
      });
      sources.git('push', '--quiet', '--force', 'origin', 'HEAD:main');
      const { attempt } = await other.begin({ triggerMetadata: { commit, git_url: server.url('app.git') } });
      await other.run(() => other.steps.cloneSource(attempt));
      const prepared = await other.run(() => other.steps.prepareContext(attempt));
      await assert.rejects(
        other.run(() => other.steps.checkBaseImages(attempt, prepared.baseImages)),
        isUserError('cannotpullbaseimage', /may not pull it/),
      );
      await assert.rejects(
        other.run(() => other.steps.buildImage(attempt, prepared)),
        isUserError('cannotpullbaseimage', /cannot be pulled/),
      );
      other.dispose();
    });
  });

  it('shows our credentials to no other registry', async () => {
    const seen: (string | undefined)[] = [];
    const foreign: Server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    }).listen(0, '127.0.0.1');
    await once(foreign, 'listening');
    const { port } = foreign.address() as { port: number };
    const ready = await prepare({ Dockerfile: `FROM 127.0.0.1:${port}/a/b:v1\n` });
    try {
      await assert.rejects(buildIt(ready), isUserError('cannotpullbaseimage', /127\.0\.0\.1:\d+\/a\/b:v1/));
    } finally {
      foreign.closeAllConnections();
      foreign.close();
    }
    assert.ok(seen.length > 0);
    assert.deepEqual(
      seen.filter((header) => header !== undefined),
      [],
    );
  });

  it('uses the classic builder of an engine that has no BuildKit', async () => {
    const old = Object.create(engine, {
      version: { value: () => Promise.resolve({ ApiVersion: '1.30' }) },
    }) as Docker;
    const config = { SERVER_HOSTNAME: registry.host, BUILD_WORK_DIR: '' };
    const classic = await stepBench({ docker: old, config });
    const run = async (dockerfile: string) => {
      const commit = sources.commit({ Dockerfile: dockerfile });
      sources.git('push', '--quiet', '--force', 'origin', 'HEAD:main');
      const { build, attempt } = await classic.begin({
        repositoryId: bench.repository.id,
        triggerMetadata: { commit, git_url: server.url('app.git') },
      });
      await classic.run(() => classic.steps.cloneSource(attempt));
      const prepared = await classic.run(() => classic.steps.prepareContext(attempt));
      try {
        await classic.run(() => classic.steps.buildImage(attempt, prepared));
      } finally {
        await classic.run(() => classic.steps.cleanUp(attempt));
      }
      return classic.messagesOf(build);
    };
    const messages = await run(`FROM ${base}\nRUN echo classic words\n`);
    assert.ok(messages.includes('classic words'), messages.join('\n'));
    assert.ok(
      messages.some((message) => /^Step 2\/\d+ : RUN echo/.test(message)),
      messages.join('\n'),
    );
    await assert.rejects(
      run(`FROM ${base}\nRUN exit 4\n`),
      isUserError('builderror', /RUN exit 4 failed: .*non-zero code: 4/),
    );
    await assert.rejects(
      run(`FROM ${registry.host}/${bench.repository.namespace}/nothing:v1\n`),
      isUserError('cannotpullbaseimage', /nothing/),
    );
    classic.dispose();
  });

  it('stops the engine within 5 s of a cancellation', async () => {
    const seconds = 100_000 + Math.floor(Math.random() * 100_000);
    const ready = await prepare({ Dockerfile: `FROM ${base}\nRUN sleep ${seconds}\n` });
    const environment = new MockActivityEnvironment();
    const running = bench.run(() => bench.steps.buildImage(ready.attempt, ready.prepared), environment);
    await eventually(() => assert.ok(isRunning(`sleep ${seconds}`)), 30_000);
    environment.cancel('CANCELLED');
    const cancelled = Date.now();
    await assert.rejects(running, { name: 'CancelledFailure' });
    await eventually(() => assert.ok(!isRunning(`sleep ${seconds}`)), 5000);
    assert.ok(Date.now() - cancelled < 5000);
  });

  it('stops when the record says that the build has ended, and pushes nothing after that', async () => {
    const seconds = 200_000 + Math.floor(Math.random() * 100_000);
    const ready = await prepare(
      {
        Dockerfile: `FROM ${base}\nRUN for i in $(seq ${seconds}); do echo $i; sleep 0.1; done\n`,
      },
      { dockerTags: ['never'] },
    );
    const { attempt, build } = ready;
    const running = buildIt(ready);
    await eventually(async () => assert.ok((await bench.messagesOf(build)).includes('3')), 30_000);
    await cancelBuild(bench.deps, bench.owner, bench.repository, build.uuid);
    await assert.rejects(running, { type: BUILD_ATTEMPT_OVER });
    await assert.rejects(
      bench.run(() => bench.steps.pushImage(attempt, 'sha256:x')),
      { type: BUILD_ATTEMPT_OVER },
    );
    const repositoryId = bench.repository.id;
    assert.equal(await bench.dataSource.manager.countBy(Tag, { repositoryId, name: 'never' }), 0);
  });
});

function isRunning(command: string): boolean {
  const pids = execFileSync('ls', ['/proc'], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => /^\d+$/.test(name));
  return pids.some((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() === command;
    } catch {
      return false;
    }
  });
}
