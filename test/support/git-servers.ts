import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';

import { serveGit } from '../../bin/demo/git-server.cjs';
import { eventually } from './eventually';
import { freePort, startProcess } from './processes';

export interface SourceRepository {
  /** The bare repository's folder. */
  bare: string;
  /** A clone whose `origin` is the bare one. */
  work: string;
  /** Commits these files (undefined removes) on the current branch; answers the commit's id. */
  commit(files: Record<string, string | undefined>, message?: string): string;
  git(...args: string[]): string;
  dispose(): void;
}

/** A bare repository `<name>.git` with a clone beside it; one branch, `main`, without a commit yet. */
export function createRepository(
  name = 'app',
  folder = mkdtempSync(join(tmpdir(), 'slipway-git-')),
): SourceRepository {
  const bare = join(folder, `${name}.git`);
  const work = join(folder, 'work');
  const run = (...args: string[]) =>
    execFileSync('git', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: identity(),
    }).trim();
  run('init', '--quiet', '--bare', '--initial-branch=main', bare);
  run('init', '--quiet', '--initial-branch=main', work);
  const git = (...args: string[]) => run('-C', work, ...args);
  git('remote', 'add', 'origin', bare);
  return {
    bare,
    work,
    git,
    commit(files, message = 'change') {
      for (const [path, content] of Object.entries(files)) {
        const target = join(work, path);
        mkdirSync(dirname(target), { recursive: true });
        if (content === undefined) rmSync(target, { recursive: true });
        else writeFileSync(target, content);
      }
      git('add', '--all');
      git('commit', '--quiet', '--allow-empty', '-m', message);
      return git('rev-parse', 'HEAD');
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function identity(): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: tmpdir(),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Ann',
    GIT_AUTHOR_EMAIL: 'ann@example.com',
    GIT_COMMITTER_NAME: 'Ann',
    GIT_COMMITTER_EMAIL: 'ann@example.com',
  };
}

export interface GitServer {
  /** URL of a bare repository below the served folder. */
  url(name: string): string;
  close(): Promise<void>;
}

/** Serves the bare repositories of a folder over HTTP with git's own CGI; with credentials, to those who have them. */
export async function startGitHttp(
  folder: string,
  credentials?: { user: string; password: string },
): Promise<GitServer> {
  const expected =
    credentials && `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    if (expected && request.headers.authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    serveGit(folder, request, response);
  });
  const port = await listen(server);
  const userInfoPart = credentials ? `${credentials.user}:${credentials.password}@` : '';
  return {
    url: (name) => `http://${userInfoPart}127.0.0.1:${port}/${name}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export interface SshServer {
  /** `ssh://user@127.0.0.1:port/path` of a bare repository. */
  url(barePath: string): string;
  /** Replaces the keys that may log in. */
  authorize(...publicKeys: string[]): void;
  close(): Promise<void>;
}

/** Why a real sshd cannot run here; undefined when it can. */
export function sshdIsMissing(): string | undefined {
  return existsSync('/usr/sbin/sshd') ? undefined : 'there is no sshd';
}

/**
 * A real sshd on loopback that lets the given keys in as the user who runs the tests; `forcedCommand` runs in place of what
 * they ask for.
 */
export async function startSshServer(forcedCommand?: string): Promise<SshServer> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-sshd-'));
  const port = await freePort();
  const keys = join(folder, 'authorized_keys');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'host_key')]);
  writeFileSync(keys, '');
  chmodSync(keys, 0o600);
  // sshd refuses to start as root without its privilege separation folder.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  writeFileSync(
    join(folder, 'config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${folder}/host_key`,
      `PidFile ${folder}/pid`,
      `AuthorizedKeysFile ${keys}`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'LogLevel ERROR',
      ...(forcedCommand === undefined ? [] : [`ForceCommand ${forcedCommand}`]),
      '',
    ].join('\n'),
  );
  const daemon = startProcess('/usr/sbin/sshd', ['-D', '-e', '-f', join(folder, 'config')]);
  await eventually(() => {
    if (daemon.child.exitCode !== null) throw new Error(`sshd ended: ${daemon.output()}`);
    if (!existsSync(join(folder, 'pid'))) throw new Error('sshd is not up yet');
  });
  return {
    url: (barePath) => `ssh://${userInfo().username}@127.0.0.1:${port}${barePath}`,
    authorize: (...publicKeys) => writeFileSync(keys, `${publicKeys.join('\n')}\n`),
    async close() {
      await daemon.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
