import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { MockActivityEnvironment } from '@temporalio/testing';

import { BuildTrigger } from '../../../db/entities/builds';
import { withoutCredentials } from '../../../outbound/git-url';
import { BUILD_ATTEMPT_OVER } from '../../../workflows/shared/failure-types';
import { eventually } from '../../support/eventually';
import type { GitServer, SourceRepository, SshServer } from '../../support/git-servers';
import { createRepository, sshdIsMissing, startGitHttp, startSshServer } from '../../support/git-servers';
import type { SilentServer } from '../../support/silent-server';
import { startSilentServer } from '../../support/silent-server';
import type { StepBench } from '../../support/build-steps';
import { isUserError, stepBench } from '../../support/build-steps';

describe('cloneSource', function () {
  this.timeout(60_000);
  let bench: StepBench;
  let repository: SourceRepository;
  let first: string;
  let second: string;

  before(async () => {
    bench = await stepBench();
    repository = createRepository();
    first = repository.commit({ Dockerfile: 'FROM scratch\n', 'a.txt': 'one' });
    second = repository.commit({ 'a.txt': 'two' });
    repository.git('push', '--quiet', 'origin', 'main');
  });
  after(() => {
    bench.dispose();
    repository.dispose();
  });

  const begin = (commit: string, url: string) =>
    bench.begin({ triggerMetadata: { commit, ref: 'refs/heads/main', git_url: url } });

  async function clone(commit: string, url: string): Promise<string> {
    const { attempt } = await begin(commit, url);
    await bench.run(() => bench.steps.cloneSource(attempt));
    return join(bench.workDir, `${attempt.buildId}-1`, 'source');
  }

  describe('over SSH', () => {
    let server: SshServer;
    before(async function () {
      const missing = sshdIsMissing();
      if (missing) {
        this.test!.title += ` (${missing})`;
        this.skip();
      }
      server = await startSshServer();
      server.authorize(bench.key.publicKey);
    });
    after(() => server?.close());

    it("gets exactly the commit with the trigger's key, although the branch has moved on", async () => {
      const source = await clone(first, server.url(repository.bare));
      assert.equal(readFileSync(join(source, 'a.txt'), 'utf8'), 'one');
      assert.equal(statSync(join(source, '..', 'key')).mode & 0o777, 0o600);
    });

    it('may be repeated over what an earlier try left', async () => {
      const { attempt, build } = await begin(second, server.url(repository.bare));
      await bench.run(() => bench.steps.cloneSource(attempt));
      await bench.run(() => bench.steps.cloneSource(attempt));
      assert.ok((await bench.messagesOf(build)).includes(`checked out ${second}`));
    });

    it('tells the user when the host does not know the key', async () => {
      const other = await stepBench();
      const { attempt } = await other.begin({
        triggerMetadata: { commit: first, git_url: server.url(repository.bare) },
      });
      const started = Date.now();
      await assert.rejects(
        other.run(() => other.steps.cloneSource(attempt)),
        isUserError('gitfailure', /refuses our credentials.*public key/),
      );
      assert.ok(Date.now() - started < 5000);
      other.dispose();
    });

    it('tells the user when there is no such repository', async () => {
      await assert.rejects(
        clone(first, server.url('/nothing/here.git')),
        isUserError('gitfailure', /no such repository/),
      );
    });
  });

  describe('over HTTP', () => {
    let server: GitServer;
    let locked: GitServer;
    before(async () => {
      server = await startGitHttp(dirname(repository.bare));
      locked = await startGitHttp(dirname(repository.bare), { user: 'ann', password: 'secret' });
    });
    after(() => Promise.all([server.close(), locked.close()]));

    it('gets the commit', async () => {
      const source = await clone(second, server.url('app.git'));
      assert.equal(readFileSync(join(source, 'a.txt'), 'utf8'), 'two');
    });

    it('finds a commit by its first digits', async () => {
      const source = await clone(first.slice(0, 9), server.url('app.git'));
      assert.equal(readFileSync(join(source, 'a.txt'), 'utf8'), 'one');
    });

    it("uses the credentials of the trigger's address and leaves them nowhere in the checkout or the log", async () => {
      const whole = locked.url('app.git');
      await bench.dataSource.manager.update(BuildTrigger, bench.trigger.id, {
        config: { build_source: whole },
      });
      const { attempt, build } = await begin(second, withoutCredentials(whole));
      await bench.run(() => bench.steps.cloneSource(attempt));
      const git = join(bench.workDir, `${attempt.buildId}-1`, 'source', '.git');
      for (const name of readdirSync(git)) {
        const path = join(git, name);
        if (statSync(path).isFile()) assert.ok(!readFileSync(path, 'latin1').includes('secret'), name);
      }
      assert.ok(!(await bench.messagesOf(build)).join('\n').includes('secret'));
    });

    it('tells the user when the credentials are wrong, without repeating them', async () => {
      await assert.rejects(
        clone(first, locked.url('app.git').replace('secret', 'wrong-one')),
        (error: Error) =>
          isUserError('gitfailure', /refuses our credentials/)(error) && !error.message.includes('wrong-one'),
      );
    });

    it('tells the user when the commit is gone', async () => {
      for (const commit of ['a'.repeat(40), 'abcdef1']) {
        await assert.rejects(
          clone(commit, server.url('app.git')),
          isUserError('gitcheckout', new RegExp(`commit ${commit} is not in the repository`)),
        );
      }
    });

    it('tells the user when there is no such repository', async () => {
      await assert.rejects(
        clone(first, server.url('nothing.git')),
        isUserError('gitfailure', /no such repository/),
      );
    });
  });

  it('tells the user when the host does not exist', async () => {
    await assert.rejects(
      clone(first, 'https://nobody.invalid/app.git'),
      isUserError('gitfailure', /nobody\.invalid/),
    );
  });

  it('does not reach what the installation does not allow', async () => {
    await assert.rejects(
      clone(first, 'http://169.254.169.254/app.git'),
      isUserError('gitfailure', /metadata address/),
    );
    await assert.rejects(clone(first, 'file:///etc'), isUserError('gitfailure', /git address/));
  });

  describe('from a host that never answers', () => {
    let silent: SilentServer;
    let url: string;
    before(async () => {
      silent = await startSilentServer();
      url = `http://127.0.0.1:${silent.port}/app.git`;
    });
    after(() => silent.close());

    it('stops when the build is cancelled', async () => {
      const { attempt, build } = await begin(first, url);
      const environment = new MockActivityEnvironment();
      const running = bench.run(() => bench.steps.cloneSource(attempt), environment);
      await eventually(async () => assert.equal((await bench.messagesOf(build)).length, 1));
      environment.cancel('CANCELLED');
      await assert.rejects(running, { name: 'CancelledFailure' });
    });

    it('is not even asked for a build that has ended', async () => {
      const build = await bench.addBuild({
        phase: 'cancelled',
        triggerMetadata: { commit: first, git_url: url },
      });
      const attempt = { buildId: build.uuid, attempt: 0 };
      await assert.rejects(
        bench.run(() => bench.steps.cloneSource(attempt)),
        { type: BUILD_ATTEMPT_OVER },
      );
      assert.ok(!existsSync(join(bench.workDir, `${build.uuid}-0`)));
    });
  });
});
