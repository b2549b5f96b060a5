import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { dirname, join } from 'node:path';

import { MockActivityEnvironment } from '@temporalio/testing';

import type { Build } from '../../../db/entities/builds';
import { eventually } from '../../support/eventually';
import type { SourceRepository } from '../../support/git-servers';
import { createRepository, sshdIsMissing, startSshServer } from '../../support/git-servers';
import type { HostileGit, HostileGitOptions } from '../../support/hostile-git';
import {
  onBand,
  PACK_BEGIN,
  packAnswer,
  packet,
  pour,
  processesBelow,
  startHostileGit,
} from '../../support/hostile-git';
import { freePort } from '../../support/processes';
import type { StepBench } from '../../support/build-steps';
import { isUserError, stepBench } from '../../support/build-steps';

const IDLE_MS = 1000;
const MIB = 1024 ** 2;

describe('slow and hostile git hosts', function () {
  this.timeout(60_000);
  let bench: StepBench;
  let repository: SourceRepository;
  let commit: string;
  const closers: (() => Promise<void> | void)[] = [];

  before(async () => {
    bench = await stepBench({
      config: {
        BUILD_SOURCE_IDLE_TIMEOUT: IDLE_MS / 1000,
        BUILD_SOURCE_TIMEOUT: 4,
        BUILD_SOURCE_MAX_SIZE_BYTES: 8 * MIB,
        BUILD_SOURCE_MAX_FILES: 50,
      },
    });
    repository = createRepository();
    commit = repository.commit({ Dockerfile: 'FROM scratch\n' });
    repository.git('push', '--quiet', 'origin', 'main');
  });
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
    assert.deepEqual(processesBelow(bench.workDir), [], 'nothing of git is left running');
  });
  after(() => {
    bench.dispose();
    repository.dispose();
  });

  async function host(
    play: Omit<HostileGitOptions, 'folder'> = {},
    source = repository,
  ): Promise<HostileGit> {
    const server = await startHostileGit({ folder: dirname(source.bare), ...play });
    closers.push(() => server.close());
    return server;
  }

  interface Tried {
    build: Build;
    /** The checkout. */
    source: string;
    error: unknown;
    messages: string[];
    tookMs: number;
  }

  async function tryClone(url: string, { wanted = commit, attempt: tries = 1 } = {}): Promise<Tried> {
    const { build, attempt } = await bench.begin({
      triggerMetadata: { commit: wanted, ref: 'refs/heads/main', git_url: url },
    });
    const environment = new MockActivityEnvironment({ attempt: tries });
    const startedAtMs = Date.now();
    let error: unknown;
    try {
      await bench.run(() => bench.steps.cloneSource(attempt), environment);
    } catch (reason) {
      error = reason;
    }
    const source = join(bench.workDir, `${attempt.buildId}-1`, 'source');
    return {
      build,
      source,
      error,
      messages: await bench.messagesOf(build),
      tookMs: Date.now() - startedAtMs,
    };
  }

  /** May be repeated, and the log says why it is. */
  async function expectPassing(url: string, reason: RegExp): Promise<void> {
    const { error, messages, tookMs } = await tryClone(url);
    assert.ok(error instanceof Error);
    assert.equal(error.name, 'Error', String(error));
    assert.match(error.message, reason);
    assert.match(messages.join('\n'), new RegExp(`try 1 of 3: .*(${reason.source})`));
    assert.ok(tookMs < 5 * (IDLE_MS + 1000), `it took ${tookMs} ms`);
  }

  async function expectFinal(url: string, reason: RegExp, wanted = commit): Promise<Tried> {
    const tried = await tryClone(url, { wanted });
    assert.ok(isUserError('gitfailure', reason)(tried.error));
    return tried;
  }

  describe('that stall', () => {
    it('before the list of refs', async () => {
      const { url } = await host({ refs: () => undefined });
      await expectPassing(url, /sent nothing for 1 s|too slow/);
    });

    it('after the list of refs', async () => {
      const { url } = await host({ wants: () => undefined });
      await expectPassing(url, /sent nothing for 1 s|too slow/);
    });

    it('in the middle of the pack', async () => {
      const { url } = await host({
        pack: (response) => {
          packAnswer(response, commit);
          response.write(onBand(1, PACK_BEGIN));
        },
      });
      await expectPassing(url, /sent nothing for 1 s|too slow/);
    });

    it('in the middle of the pack, although they keep the connection alive', async () => {
      const { url } = await host({
        pack: (response) => {
          packAnswer(response, commit);
          // What a real host sends while it computes: an empty piece of the pack.
          const beat = setInterval(() => response.write(onBand(1, Buffer.alloc(0))), 100);
          response.on('close', () => clearInterval(beat));
        },
      });
      await expectPassing(url, /sent nothing for 1 s/);
    });

    it('over SSH, after the login, although ssh itself is answered', async function () {
      if (sshdIsMissing()) this.skip();
      const server = await startSshServer('sleep 600');
      closers.push(() => server.close());
      server.authorize(bench.key.publicKey);
      await expectPassing(server.url(repository.bare), /sent nothing for 1 s/);
    });
  });

  describe('that break off', () => {
    it('in the middle of the pack', async () => {
      const { url } = await host({
        pack: (response) => {
          packAnswer(response, commit);
          response.write(onBand(1, PACK_BEGIN), () => response.destroy());
        },
      });
      await expectPassing(url, /git failed: .*(early EOF|unexpected disconnect|hung up|invalid index-pack)/);
    });

    it('with an error of their own', async () => {
      const { url, requests } = await host({ refs: (response) => void response.writeHead(503).end() });
      await expectPassing(url, /git failed: .*returned error: 503/);
      assert.equal(requests.length, 1, 'a try asks once');
    });

    it('before it is asked anything: it may be restarting', async () => {
      const url = `http://127.0.0.1:${await freePort()}/app.git`;
      await expectPassing(url, /refused the connection/);
      const { error } = await tryClone(url, { attempt: 3 });
      assert.ok(isUserError('gitfailure', /refused the connection; given up after 3 tries/)(error));
    });

    it('and the last try ends the build with the reason', async () => {
      const { url } = await host({ refs: (response) => void response.writeHead(503).end() });
      const { error, messages } = await tryClone(url, { attempt: 3 });
      assert.ok(isUserError('gitfailure', /returned error: 503.*; given up after 3 tries/)(error));
      assert.ok(!messages.join('\n').includes('try 3 of 3'), 'the end of the build says it');
    });
  });

  describe('that send without end', () => {
    it('drips: the clone ends when its time is over, at once and for good', async () => {
      const { url } = await host({
        pack: (response) => {
          packAnswer(response, commit);
          response.write(onBand(1, PACK_BEGIN));
          const drip = setInterval(() => response.write(onBand(2, Buffer.from('still counting\n'))), 50);
          response.on('close', () => clearInterval(drip));
        },
      });
      const { tookMs } = await expectFinal(url, /did not arrive within 4 s/);
      assert.ok(tookMs < 20_000, `it took ${tookMs} ms`);
    });

    it('a pack: no more is stored than a build may fetch', async () => {
      // One object of 1 TiB, deflated as stored blocks of zeros.
      const head = Buffer.from('5041434b0000000200000001b08080808080807f7801', 'hex');
      const block = Buffer.concat([Buffer.from('00ffff0000', 'hex'), Buffer.alloc(65_535)]);
      const pieces = Buffer.concat(
        [block.subarray(0, 32_000), block.subarray(32_000, 64_000), block.subarray(64_000)].map((piece) =>
          onBand(1, piece),
        ),
      );
      const { url } = await host({
        pack: (response) => {
          packAnswer(response, commit);
          response.write(onBand(1, head));
          pour(response, pieces);
        },
      });
      await expectFinal(url, /larger than the 8388608 bytes/);
    });

    it('messages: the worker does not keep them', async () => {
      const { url } = await host({
        pack: (response) => {
          packAnswer(response, commit);
          pour(
            response,
            Buffer.concat(Array.from({ length: 64 }, () => onBand(2, Buffer.alloc(900, 'm\n')))),
          );
        },
      });
      global.gc?.();
      const before = process.memoryUsage().rss;
      const { messages } = await expectFinal(url, /sends messages without end/);
      const grownMib = (process.memoryUsage().rss - before) / MIB;
      assert.ok(grownMib < 150, `memory grew by ${grownMib} MiB`);
      assert.ok(JSON.stringify(messages).length < 5000);
    });
  });

  describe('that send elsewhere', () => {
    for (const location of ['http://127.0.0.1:9/app.git', 'http://169.254.169.254/app.git', 'file:///etc']) {
      it(`to ${location}: not followed, and the reason says so`, async () => {
        const { url, requests } = await host({
          refs: (response) =>
            void response.writeHead(302, { location: `${location}/info/refs?service=git-upload-pack` }).end(),
        });
        await expectFinal(url, /redirects to another address, which is not followed/);
        assert.equal(requests.length, 1);
      });
    }

    it('at the pack as well', async () => {
      const { url } = await host({
        wants: (response) => void response.writeHead(307, { location: 'http://127.0.0.1:9/x' }).end(),
      });
      await expectFinal(url, /redirects to another address, which is not followed/);
    });
  });

  it('with a certificate that nobody vouches for', async () => {
    const fixture = (name: string) => readFileSync(join(__dirname, '../../outbound/fixtures', name));
    const server = createTlsServer(
      { cert: fixture('hooks.example.cert.pem'), key: fixture('hooks.example.key.pem') },
      (_request, response) => void response.end(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => void server.close().closeAllConnections());
    const { port } = server.address() as { port: number };
    await expectFinal(`https://127.0.0.1:${port}/app.git`, /has no certificate that is valid for it/);
  });

  describe('whose repository', () => {
    const sources: SourceRepository[] = [];
    after(() => sources.forEach((source) => source.dispose()));

    function newSource(): SourceRepository {
      const source = createRepository();
      sources.push(source);
      return source;
    }

    function mktree(source: SourceRepository, entries: string): string {
      return execFileSync('git', ['-C', source.work, 'mktree'], { input: entries, encoding: 'utf8' }).trim();
    }

    /** A commit of this tree, made without a checkout. */
    function commitTree(source: SourceRepository, tree: string): string {
      const id = source.git('commit-tree', tree, '-m', 'hostile');
      source.git('push', '--quiet', 'origin', `${id}:refs/heads/main`);
      return id;
    }

    it('is a few kilobytes that unpack to billions of files', async () => {
      const source = newSource();
      source.commit({ 'd0/a': '1' });
      let tree = source.git('rev-parse', 'HEAD^{tree}');
      for (let level = 0; level < 9; level += 1) {
        const entries = Array.from({ length: 10 }, (_, n) => `040000 tree ${tree}\td${n}`).join('\n');
        tree = mktree(source, `${entries}\n`);
      }
      const { url } = await host({}, source);
      const bomb = commitTree(source, tree);
      const { source: checkout } = await expectFinal(url, /more than the 50 files/, bomb);
      assert.ok(!existsSync(join(checkout, 'd0')));
    });

    it('is a small pack that unpacks to a large file', async () => {
      const source = newSource();
      const id = source.commit({ zeros: '\0'.repeat(9 * MIB) });
      source.git('push', '--quiet', 'origin', 'main');
      const { url } = await host({}, source);
      const { source: checkout } = await expectFinal(
        url,
        /the checkout is larger than the 8388608 bytes/,
        id,
      );
      assert.ok(!existsSync(join(checkout, 'zeros')));
    });

    it('wants filters, hooks and submodules: none of it is run or called', async () => {
      const source = newSource();
      const proof = join(source.work, '..', 'proof');
      const submodule = await host();
      source.commit({
        '.gitattributes': '* filter=evil diff=evil merge=evil\n',
        '.gitconfig': `[filter "evil"]\n smudge = touch ${proof}\n`,
        '.gitmodules': `[submodule "s"]\n path = s\n url = ${submodule.url}\n`,
        '.githooks/post-checkout': `#!/bin/sh\ntouch ${proof}\n`,
        'hooks/post-checkout': `#!/bin/sh\ntouch ${proof}\n`,
        'file.txt': 'plain',
      });
      source.git('update-index', '--add', '--cacheinfo', `160000,${commit},s`);
      source.git('commit', '--quiet', '-m', 'with a submodule');
      const id = source.git('rev-parse', 'HEAD');
      source.git('push', '--quiet', 'origin', 'main');
      const { url } = await host({}, source);
      const { error, messages, source: checkout } = await tryClone(url, { wanted: id });
      assert.equal(error, undefined);
      assert.equal(readFileSync(join(checkout, 'file.txt'), 'utf8'), 'plain');
      assert.ok(!existsSync(proof));
      assert.deepEqual(submodule.requests, []);
      assert.ok(messages.includes('1 submodules are left empty'), messages.join('\n'));
    });
  });

  it('leave no ssh behind when the build is cancelled', async function () {
    if (sshdIsMissing()) this.skip();
    const server = await startSshServer('sleep 600');
    closers.push(() => server.close());
    server.authorize(bench.key.publicKey);
    const { attempt } = await bench.begin({
      triggerMetadata: { commit, git_url: server.url(repository.bare) },
    });
    const environment = new MockActivityEnvironment();
    const running = bench.run(() => bench.steps.cloneSource(attempt), environment);
    await eventually(() => assert.ok(processesBelow(bench.workDir).some((line) => line.includes('ssh '))));
    environment.cancel('CANCELLED');
    await assert.rejects(running, { name: 'CancelledFailure' });
    assert.deepEqual(processesBelow(bench.workDir), []);
  });

  it('that list refs without end are stopped', async () => {
    const line = packet(`${'1'.repeat(40)} refs/heads/${'x'.repeat(200)}\n`);
    const { url } = await host({
      refs: (response) => {
        response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' });
        response.write(Buffer.concat([packet('# service=git-upload-pack\n'), Buffer.from('0000')]));
        pour(response, Buffer.concat(Array.from({ length: 200 }, () => line)));
      },
    });
    await expectPassing(url, /sent nothing for 1 s|memory/);
  });
});
