import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createTcpServer, connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

import { simpleGit } from 'simple-git';

import { createAddressPolicy } from '../../outbound/address-policy';
import type { GuardedGit, GuardGitOptions } from '../../outbound/guard-git';
import { guardGit } from '../../outbound/guard-git';
import type { Resolver } from '../../outbound/resolve-target';
import { eventually } from '../support/eventually';
import type { LocalServer } from './local-server';
import { listen, startServer } from './local-server';

const policy = createAddressPolicy({ allowedNetworks: ['127.0.0.1'] });
const resolver: Resolver = () => Promise.resolve([{ address: '127.0.0.1' }]);
const SSHD = '/usr/sbin/sshd';

function clone({ url, env, config }: GuardedGit, to: string): Promise<unknown> {
  return simpleGit({ config, allowEnvironment: Object.keys(env), unsafe: { allowUnsafeSshCommand: true } })
    .env(env)
    .clone(url, to);
}

describe('guardGit', () => {
  let dir: string;
  let bare: string;
  let options: GuardGitOptions;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'guard-git-'));
    bare = join(dir, 'app.git');
    const source = join(dir, 'source');
    const run = (...parameters: string[]): void =>
      void execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...parameters], {
        stdio: 'ignore',
      });
    run('init', '-b', 'main', source);
    await writeFile(join(source, 'Dockerfile'), 'FROM scratch\n');
    run('-C', source, 'add', '.');
    run('-C', source, 'commit', '-m', 'first');
    run('clone', '--bare', source, bare);
    run('-C', bare, 'update-server-info');
  });
  after(() => rm(dir, { recursive: true, force: true }));
  beforeEach(async () => {
    options = { scratchDir: await mkdtemp(join(dir, 'scratch-')), resolver };
  });

  describe('over HTTP', () => {
    let server: LocalServer;
    let redirectTo = '';

    before(async () => {
      server = await startServer((response, { url }) => {
        const path = join(dir, new URL(url, 'http://x').pathname);
        if (url.startsWith('/moved')) {
          response.writeHead(302, { location: `${redirectTo}${url.slice(6)}` }).end();
        } else if (existsSync(path) && statSync(path).isFile()) response.end(readFileSync(path));
        else response.writeHead(404).end();
      });
    });
    after(() => server.close());

    it('clones from the pinned address although the name cannot be resolved', async () => {
      const guarded = await guardGit(`http://git.invalid:${server.port}/app.git`, policy, options);
      await clone(guarded, join(options.scratchDir, 'checkout'));
      assert.ok(existsSync(join(options.scratchDir, 'checkout', 'Dockerfile')));
      assert.equal(server.received[0]?.headers.host, `git.invalid:${server.port}`);
    });

    it('clones from an address that is written as a number', async () => {
      const guarded = await guardGit(`http://0x7f.1:${server.port}/app.git`, policy, options);
      await clone(guarded, join(options.scratchDir, 'checkout'));
    });

    it('keeps git away from every other host and from redirects', async () => {
      const guarded = await guardGit(`http://git.invalid:${server.port}/app.git`, policy, options);
      const elsewhere = { ...guarded, url: `http://127.0.0.1:${server.port}/app.git` };
      const before = server.received.length;
      await assert.rejects(clone(elsewhere, join(options.scratchDir, 'elsewhere')));
      assert.equal(server.received.length, before);

      redirectTo = `http://127.0.0.1:${server.port}/app.git`;
      const moved = await guardGit(`http://git.invalid:${server.port}/moved`, policy, options);
      await assert.rejects(clone(moved, join(options.scratchDir, 'moved')), /302/);
    });

    it('keeps git away from other protocols', async () => {
      const guarded = await guardGit(`http://git.invalid:${server.port}/app.git`, policy, options);
      await assert.rejects(
        clone({ ...guarded, url: `file://${bare}` }, join(options.scratchDir, 'file')),
        /'file' not allowed/,
      );
    });

    it('never asks anybody for a password', async () => {
      const closed = await startServer((response) =>
        response.writeHead(401, { 'www-authenticate': 'Basic' }).end(),
      );
      const guarded = await guardGit(`http://git.invalid:${closed.port}/app.git`, policy, options);
      await assert.rejects(clone(guarded, join(options.scratchDir, 'closed')), /terminal prompts disabled/);
      await closed.close();
    });
  });

  describe('over SSH', () => {
    let sshd: ChildProcess | undefined;
    let port: number;
    let keyFile: string;

    before(async function () {
      if (!existsSync(SSHD)) return this.skip();
      if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true });
      keyFile = join(dir, 'key of 100% us');
      for (const file of [keyFile, join(dir, 'host_key'), join(dir, 'other_host_key')]) {
        execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
      }
      await writeFile(join(dir, 'authorized_keys'), readFileSync(`${keyFile}.pub`));
      port = await freePort();
      sshd = await startSshd('host_key');
    });
    after(() => stopSshd());

    async function startSshd(hostKey: string): Promise<ChildProcess> {
      const settings = [
        `HostKey=${join(dir, hostKey)}`,
        'ListenAddress=127.0.0.1',
        `Port=${port}`,
        'PidFile=none',
      ];
      const access = [
        `AuthorizedKeysFile=${join(dir, 'authorized_keys')}`,
        'StrictModes=no',
        'UsePAM=no',
        'PasswordAuthentication=no',
      ];
      const child = spawn(
        SSHD,
        ['-D', '-f', '/dev/null', ...[...settings, ...access].flatMap((s) => ['-o', s])],
        { stdio: 'ignore' },
      );
      await eventually(() => canConnect(port), 5000, 20);
      return child;
    }

    async function stopSshd(): Promise<void> {
      if (!sshd) return;
      sshd.kill();
      await once(sshd, 'exit');
      sshd = undefined;
    }

    const address = (): string => `ssh://${userInfo().username}@git.invalid:${port}${bare}`;

    it('clones from the pinned address with the key', async () => {
      const guarded = await guardGit(address(), policy, { ...options, keyFile });
      await clone(guarded, join(options.scratchDir, 'checkout'));
      assert.ok(existsSync(join(options.scratchDir, 'checkout', 'Dockerfile')));
      assert.match(
        readFileSync(join(options.scratchDir, 'known_hosts'), 'utf8'),
        /^\[git\.invalid\]:\d+ ssh-ed25519/,
      );
    });

    it('is refused without the key', async () => {
      const guarded = await guardGit(address(), policy, options);
      await assert.rejects(clone(guarded, join(options.scratchDir, 'checkout')), /Permission denied/);
    });

    it('refuses a host whose key is not the one seen before', async () => {
      const knownHostsFile = join(dir, 'known hosts');
      const guarded = await guardGit(address(), policy, { ...options, keyFile, knownHostsFile });
      await clone(guarded, join(options.scratchDir, 'first'));
      await stopSshd();
      sshd = await startSshd('other_host_key');
      await assert.rejects(
        clone(guarded, join(options.scratchDir, 'second')),
        /Host key verification failed/,
      );
    });
  });

  describe('refuses before git starts', () => {
    it('an address that calls may not reach', async () => {
      const inside: Resolver = () => Promise.resolve([{ address: '169.254.169.254' }]);
      for (const url of [
        'https://git.example/app.git',
        'ssh://git@git.example/app.git',
        'git@git.example:app.git',
      ]) {
        await assert.rejects(guardGit(url, policy, { ...options, resolver: inside }), {
          kind: 'refused-address',
          message: /"git\.example" resolves to 169\.254\.169\.254/,
        });
      }
    });

    it('a host that does not exist', async () => {
      const nowhere: Resolver = () => Promise.reject(new Error('ENOTFOUND'));
      await assert.rejects(
        guardGit('git@nowhere.example:app.git', policy, { ...options, resolver: nowhere }),
        { kind: 'unknown-host' },
      );
    });

    it('a host that refuses the connection', async () => {
      const port = await freePort();
      await assert.rejects(guardGit(`http://git.example:${port}/app.git`, policy, options), {
        kind: 'connect-refused',
        message: `"git.example" (port ${port}) refused the connection`,
      });
    });

    it('what is no git address of a host', async () => {
      await assert.rejects(guardGit(`file://${bare}`, policy, options), { kind: 'invalid-url' });
    });
  });

  it('takes the first address that accepts a connection', async () => {
    const server = createTcpServer((socket) => socket.destroy());
    const port = await listen(server, '127.0.0.3');
    const wide = createAddressPolicy({ allowedNetworks: ['127.0.0.0/8'] });
    const several: Resolver = () =>
      Promise.resolve(['127.0.0.2', '127.0.0.3'].map((address) => ({ address })));
    const { config } = await guardGit(`http://git.example:${port}/app.git`, wide, {
      ...options,
      resolver: several,
    });
    assert.ok(config.includes(`http.curloptResolve=git.example:${port}:127.0.0.3`));
    server.close();
  });
});

async function freePort(): Promise<number> {
  const server = createTcpServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

async function canConnect(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
}
