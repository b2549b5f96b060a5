import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

import type { SourceRepository } from './git-servers';
import { createRepository } from './git-servers';
import type { ReceivedRequest } from './receiver';

const run = promisify(execFile);

export const HOOK = resolve('bin', 'post-receive');

export interface HookedRepository {
  source: SourceRepository;
  /** Folder of the hook's temporary files. */
  temporary: string;
  /** Environment of the git server, to change before a push. */
  env: NodeJS.ProcessEnv;
  /** Configures the bare repository. */
  configure(...args: string[]): void;
  /** Pushes from the clone, and answers the lines that the pusher saw of the hook. */
  push(...refs: string[]): Promise<string[]>;
  /** Writes a commit object with these bytes, which git itself would not make, and answers its id. */
  writeCommit(commit: RawCommit): string;
  /** Names of what the hook left behind. */
  leftovers(): string[];
}

export interface RawCommit {
  author?: Buffer | string;
  committer?: Buffer | string;
  message: Buffer | string;
  /** Further header lines, such as `encoding ISO-8859-1`. */
  headers?: string[];
}

/** A bare repository whose post-receive hook is the real one, told these URLs; it has one commit, not pushed yet. */
export function createHookedRepository(...urls: string[]): HookedRepository {
  const source = createRepository();
  const temporary = join(dirname(source.bare), 'temporary');
  mkdirSync(temporary);
  const hook = join(source.bare, 'hooks', 'post-receive');
  copyFileSync(HOOK, hook);
  chmodSync(hook, 0o755);
  source.commit({ Dockerfile: 'FROM scratch\n' }, 'first');
  const configure = (...args: string[]) => void source.git('--git-dir', source.bare, 'config', ...args);
  for (const url of urls) configure('--add', 'slipway.webhook', url);
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: temporary,
    TMPDIR: temporary,
    GIT_CONFIG_NOSYSTEM: '1',
  };
  return {
    source,
    temporary,
    env,
    configure,
    async push(...refs) {
      const { stderr } = await run('git', ['-C', source.work, 'push', 'origin', ...refs], { env });
      const lines = stderr.split('\n').filter((line) => line.startsWith('remote: '));
      return lines.map((line) => line.slice('remote: '.length).trimEnd());
    },
    writeCommit({ author = 'Ann', committer = 'Ann', message, headers = [] }) {
      const when = '<ann@example.com> 1760000000 +0200';
      const object = Buffer.concat(
        [
          `tree ${source.git('rev-parse', 'HEAD^{tree}')}\nauthor `,
          author,
          ` ${when}\ncommitter `,
          committer,
          ` ${when}\n${headers.map((header) => `${header}\n`).join('')}\n`,
          message,
        ].map((part) => Buffer.from(part)),
      );
      const args = ['-C', source.work, 'hash-object', '-t', 'commit', '-w', '--literally', '--stdin'];
      return execFileSync('git', args, { input: object, encoding: 'utf8' }).trim();
    },
    leftovers: () => readdirSync(temporary),
  };
}

/** What Slipway answers to a push, with a build id that tells the requests apart. */
export function answerAsSlipway(response: ServerResponse, { body }: ReceivedRequest): void {
  const { commit } = JSON.parse(body) as { commit: string };
  const verdict = /^0+$/.test(commit)
    ? { status: 'skipped', reason: 'the ref was deleted' }
    : { status: 'queued', build_id: `b-${commit.slice(0, 7)}` };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(verdict));
}
