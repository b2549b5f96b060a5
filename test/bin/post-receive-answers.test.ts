import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

import { eventually } from '../support/eventually';
import type { HookedRepository } from '../support/hooked-repository';
import { answerAsSlipway, createHookedRepository, HOOK } from '../support/hooked-repository';
import { freePort } from '../support/processes';
import type { Receiver } from '../support/receiver';
import { startReceiver } from '../support/receiver';

const run = promisify(execFile);
const SECRET = 'NAME0123456789SECRET';

describe('what the post-receive hook says', () => {
  let receiver: Receiver;
  let repository: HookedRepository;
  let answer: (response: ServerResponse, request: { body: string; path: string }) => void;

  beforeEach(async () => {
    answer = (response, request) => answerAsSlipway(response, { ...request, method: 'POST', headers: {} });
    receiver = await startReceiver((response, request) => answer(response, request));
    repository = createHookedRepository(urlOf('1b2c3d4e-0000'));
  });

  afterEach(async () => {
    assert.deepEqual(repository.leftovers(), []);
    repository.source.dispose();
    await receiver.close();
  });

  const host = () => new URL(receiver.url).host;
  const urlOf = (trigger: string) => `http://$token:${SECRET}@${host()}/webhooks/push/trigger/${trigger}`;

  /** Pushes to branches of these names (`main` by default) and answers what the pusher saw, never the secret. */
  async function push(...branches: string[]): Promise<string[]> {
    const names = branches.length > 0 ? branches : ['main'];
    const told = await repository.push(...names.map((name) => `HEAD:refs/heads/${name}`));
    assert.ok(!told.join('\n').includes(SECRET), told.join('\n'));
    return told;
  }

  const answering = (status: number, body: string, headers: Record<string, string> = {}) => {
    answer = (response) => void response.writeHead(status, headers).end(body);
  };

  /** Puts a script before the real command of this name. */
  function shadow(command: string, script: string): void {
    const folder = join(repository.source.bare, 'shadows');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, command), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, command), 0o755);
    repository.env.PATH = `${folder}${delimiter}${process.env.PATH ?? ''}`;
  }

  const realPath = (command: string) =>
    execFileSync('sh', ['-c', `command -v ${command}`], { encoding: 'utf8' }).trim();

  describe('of an answer', () => {
    const refusals: [string, number, string, string][] = [
      ['a refusal', 403, '{"error":"Permission Denied"}', 'not told: HTTP 403 Permission Denied'],
      ['a limit', 429, '{ "error" : "too many\\nbuilds", "a": 1 }', 'not told: HTTP 429 too many builds'],
      [
        'quotes',
        400,
        '{"error":"\\"a\\\\b\\" is \\/bad","field":"ref"}',
        'not told: HTTP 400 "a\\b" is /bad',
      ],
      ['a page', 500, '<html>\n<h1>Oops "error"</h1></html>', 'not told: HTTP 500'],
      ['nothing', 503, '', 'not told: HTTP 503'],
      ['a cut answer', 502, '{"error":"half', 'not told: HTTP 502'],
      ['a skip', 200, '{"status":"skipped","reason":"„é“ does not match"}', 'skipped: „é“ does not match'],
      ['escape sequences', 403, '{"error":"\u001b[31mred\\u001b[0m"}', 'not told: HTTP 403 [31mred [0m'],
    ];
    for (const [what, status, body, expected] of refusals) {
      it(`reports ${what} (${status})`, async () => {
        answering(status, body);
        assert.deepEqual(await push(), [`slipway: main: ${expected}`]);
      });
    }

    it('cuts a reason that is very long', async () => {
      answering(400, JSON.stringify({ error: 'x'.repeat(5000) }));
      assert.deepEqual(await push(), [`slipway: main: not told: HTTP 400 ${'x'.repeat(300)}...`]);
    });

    it('takes an answer without JSON, as Quay gives it, for told', async () => {
      answering(200, 'Okay');
      assert.deepEqual(await push(), [`slipway: main: told, HTTP 200 (http://${host()})`]);
    });

    it('does not follow a redirect, which would carry the secret elsewhere', async () => {
      answering(302, '', { location: `${receiver.url}/elsewhere` });
      const [line = ''] = await push();
      assert.match(line, /^slipway: main: not told: HTTP 302, 127\.0\.0\.1:\d+ redirects: set the URL/);
      assert.equal(receiver.received.length, 1);
    });

    it('stops reading an answer without end', async () => {
      answer = (response) => {
        response.on('error', () => undefined);
        const more = () => {
          while (response.write('x'.repeat(65_536)));
        };
        response.on('drain', more);
        more();
      };
      assert.deepEqual(await push(), [`slipway: main: not told: the answer of ${host()} is too long`]);
    });
  });

  describe('when nobody answers', () => {
    it('says that it cannot connect', async () => {
      const port = await freePort();
      repository.configure('slipway.webhook', `http://$token:${SECRET}@127.0.0.1:${port}/hook`);
      assert.deepEqual(await push(), [`slipway: main: not told: cannot connect to 127.0.0.1:${port}`]);
    });

    it('says that the connection was closed', async () => {
      answer = (response) => void response.socket?.destroy();
      assert.deepEqual(await push(), [
        `slipway: main: not told: ${host()} closed the connection without an answer`,
      ]);
    });

    it('waits 10 seconds, once, and lets the push through', async () => {
      answer = () => undefined;
      const startedAt = Date.now();
      const told = await push('main', 'side');
      assert.ok(Date.now() - startedAt < 15_000);
      assert.deepEqual(told, [
        `slipway: main: not told: ${host()} gave no answer in time`,
        `slipway: side: not told: ${host()} gave no answer before`,
      ]);
      const { source } = repository;
      assert.equal(
        source.git('--git-dir', source.bare, 'rev-parse', 'side'),
        source.git('rev-parse', 'HEAD'),
      );
    });

    it('spends a minute on a push at most', async () => {
      const clock = join(repository.source.bare, 'clock');
      writeFileSync(clock, '1');
      // Each look at the clock finds it 25 seconds later.
      shadow('date', `t=$(($(cat ${clock}) + 25)); echo $t >${clock}; echo $t`);
      const told = await push('a', 'b', 'c');
      assert.equal(receiver.received.length, 2);
      assert.equal(told[2], 'slipway: c: not told: the 60 seconds of a push are over');
    });

    it('says that curl is missing', async () => {
      const folder = join(repository.source.bare, 'tools');
      mkdirSync(folder);
      for (const tool of ['awk', 'date', 'git', 'mktemp', 'od', 'rm', 'sed', 'sh', 'tr']) {
        symlinkSync(realPath(tool), join(folder, tool));
      }
      repository.env.PATH = folder;
      assert.deepEqual(await push(), ['slipway: main: not told: curl is not installed here']);
    });

    it('says that there is no room for its files', async () => {
      repository.env.TMPDIR = join(repository.temporary, 'missing');
      assert.deepEqual(await push(), [
        `slipway: nothing told: cannot make a folder below ${repository.env.TMPDIR}`,
      ]);
    });
  });

  describe('of its configuration', () => {
    it('names the setting that is missing, in one line', async () => {
      repository.configure('--unset-all', 'slipway.webhook');
      const told = await push();
      assert.equal(told.length, 1);
      assert.match(told[0] ?? '', /^slipway: nothing told: .*git config slipway\.webhook/);
      assert.deepEqual(receiver.received, []);
    });

    it('tells every trigger, and says which answered what', async () => {
      repository.configure('--add', 'slipway.webhook', urlOf('5f6a7b8c-0000'));
      answer = (response, { path }) =>
        path.includes('5f6a')
          ? void response.writeHead(403).end('{"error":"Permission Denied"}')
          : void response.end('{"status":"queued","build_id":"b-1"}');
      assert.deepEqual(await push(), [
        `slipway: main: build b-1 queued (http://${host()}, trigger 1b2c3d4e)`,
        `slipway: main: not told: HTTP 403 Permission Denied (http://${host()}, trigger 5f6a7b8c)`,
      ]);
    });

    it('prefers URLs of the environment, and signs in with their secret', async () => {
      repository.env.SLIPWAY_WEBHOOK = ` ${urlOf('one')}\n${urlOf('two')} `;
      await push();
      assert.deepEqual(
        receiver.received.map(({ path, headers }) => [path, headers.authorization]),
        ['one', 'two'].map((trigger) => [
          `/webhooks/push/trigger/${trigger}`,
          `Basic ${Buffer.from(`$token:${SECRET}`).toString('base64')}`,
        ]),
      );
    });

    const malformed = [
      `$token:${SECRET}@host/webhooks`,
      `ftp://$token:${SECRET}@127.0.0.1/hook`,
      `file:///${SECRET}`,
      `http://$token:${SECRET}`,
      `http://$token:${SECRET}/more@127.0.0.1/hook`,
      `http://$token:${SECRET}@/hook`,
      `http://$token:${SECRET}@127.0.0.1/\r`,
      `http://$token:${SECRET}@127.0.0.1/é`,
    ];
    it('refuses what is no address of a trigger without showing it, and tells the others', async () => {
      repository.configure('--unset-all', 'slipway.webhook');
      for (const url of malformed) repository.configure('--add', 'slipway.webhook', url);
      repository.configure('--add', 'slipway.webhook', urlOf('good'));
      const told = await push();
      assert.equal(told.length, malformed.length + 1);
      for (const [index, line] of told.slice(0, -1).entries()) {
        assert.match(line, new RegExp(`^slipway: URL ${index + 1} of slipway\\.webhook is no http`));
      }
      assert.match(told.at(-1) ?? '', /main: build b-\w+ queued/);
    });

    it('says that a port is none', async () => {
      repository.configure('slipway.webhook', `http://$token:${SECRET}@127.0.0.1:port/hook`);
      assert.deepEqual(await push(), ['slipway: main: not told: the URL is malformed']);
    });

    it('shows the secret to no other process', async () => {
      const seen = join(repository.source.bare, 'seen');
      // Whatever curl is called with, and its environment.
      shadow('curl', `{ echo "$@"; env; } >>${seen}\nexec ${realPath('curl')} "$@"`);
      repository.env.SLIPWAY_WEBHOOK = urlOf('"quoted\\"');
      assert.match((await push())[0] ?? '', /queued/);
      assert.ok(!readFileSync(seen, 'utf8').includes(SECRET));
      assert.match(receiver.received[0]?.path ?? '', /trigger\/("|%22)quoted/);
    });

    it("keeps to its own settings of curl, not to the user's", async () => {
      const home = join(repository.source.bare, 'home');
      mkdirSync(home);
      writeFileSync(join(home, '.curlrc'), 'verbose\nrequest = PUT\n');
      repository.env.HOME = home;
      assert.match((await push())[0] ?? '', /queued/);
      assert.equal(receiver.received[0]?.method, 'POST');
    });
  });

  describe('at its edges', () => {
    /** Runs the hook as git does, or as a person in the bare repository does. */
    async function runHook(input: string, ...args: string[]) {
      const promise = run(HOOK, args, { cwd: repository.source.bare, env: repository.env });
      // It need not read what it is given: the pipe may be closed already.
      promise.child.stdin?.on('error', () => undefined).end(input);
      return promise;
    }

    it('explains how to install it', async () => {
      const { stdout } = await runHook('', '--help');
      assert.match(stdout, /cp post-receive app\.git\/hooks\/post-receive/);
      assert.match(stdout, /git -C app\.git config slipway\.webhook/);
    });

    it('tells a ref again by hand, and does nothing without one', async () => {
      await push();
      const commit = repository.source.git('rev-parse', 'HEAD');
      assert.match((await runHook(`- ${commit} refs/heads/main`)).stdout, /main: build .* queued/);
      assert.equal(receiver.received.length, 2);
      assert.deepEqual(await runHook(''), { stdout: '', stderr: '' });
    });

    it('survives lines that git would not write, and commits that are not there', async () => {
      const { stdout } = await runHook(`\nnonsense\n- ${'1'.repeat(40)} refs/heads/gone\n`);
      assert.match(stdout, /gone: not told: it points at no commit/);
      assert.deepEqual(receiver.received, []);
    });

    it('tells at most 100 refs of a push', async () => {
      const told = await push(...Array.from({ length: 103 }, (_, index) => `b${index}`));
      assert.equal(receiver.received.length, 100);
      assert.equal(told.length, 101);
      assert.equal(told.at(-1), 'slipway: 3 more not told: at most 100 refs of a push are');
    }).timeout(60_000);

    it('goes on when the pusher has gone', async () => {
      await push();
      const commit = repository.source.git('rev-parse', 'HEAD');
      const hook = spawn(HOOK, { cwd: repository.source.bare, env: repository.env });
      hook.stdout.destroy();
      hook.stderr.destroy();
      hook.stdin.end(`- ${commit} refs/heads/a\n- ${commit} refs/heads/b\n`);
      assert.deepEqual(await once(hook, 'exit'), [0, null]);
      assert.equal(receiver.received.length, 3);
    });

    it('cleans up when it is ended', async () => {
      answer = () => undefined;
      const commit = repository.source.git('rev-parse', 'HEAD');
      await repository.push('HEAD:refs/notes/any');
      const env = { ...repository.env, GIT_DIR: '.' };
      const hook = spawn(HOOK, { cwd: repository.source.bare, env, detached: true });
      hook.stdin.end(`- ${commit} refs/heads/a\n`);
      await eventually(() => assert.equal(receiver.received.length, 1));
      process.kill(-(hook.pid ?? assert.fail('no pid')), 'SIGTERM');
      assert.deepEqual(await once(hook, 'exit'), [0, null]);
    });
  });
});
