import { spawn } from 'node:child_process';

import { CloneStopped } from './clone-watch';

export interface TreeLimits {
  maxBytes: number;
  maxFiles: number;
}

export interface TreeFacts {
  files: number;
  /** Links to other repositories, which the checkout leaves empty. */
  submodules: number;
}

/** `<mode> <type> <id> <size>` before the tab; the size of a submodule is `-`. */
const ENTRY = /^(\d+) \w+ \w+ +(\d+|-)\t/;

/**
 * Counts what a checkout of the commit would write, before it does: a pack of a few kilobytes may hold a tree of billions
 * of files. Throws {@link CloneStopped} as soon as it is too much.
 */
export async function measureTree(
  commit: string,
  git: { command: [string, ...string[]]; cwd: string; env: Record<string, string>; signal: AbortSignal },
  { maxBytes, maxFiles }: TreeLimits,
): Promise<TreeFacts> {
  const [command, ...before] = git.command;
  const child = spawn(command, [...before, 'ls-tree', '-r', '-l', '--full-tree', commit], {
    cwd: git.cwd,
    env: git.env,
    stdio: ['ignore', 'pipe', 'ignore'],
    killSignal: 'SIGKILL',
    signal: git.signal,
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // It is awaited below; until then nobody else may take its rejection for a bug.
  ended.catch(() => undefined);
  const facts: TreeFacts = { files: 0, submodules: 0 };
  let bytes = 0;
  try {
    for await (const line of linesOf(child.stdout)) {
      const [, mode, size] = ENTRY.exec(line) ?? [];
      facts.files += 1;
      if (mode === '160000') facts.submodules += 1;
      bytes += Number(size) || 0;
      if (facts.files > maxFiles) throw tooLarge(`has more than the ${maxFiles} files`);
      if (bytes > maxBytes) throw tooLarge(`is larger than the ${maxBytes} bytes`);
    }
  } catch (error) {
    child.kill('SIGKILL');
    child.stdout.destroy();
    throw error;
  }
  const code = await ended;
  if (code !== 0) throw new CloneStopped('large', `the files of commit ${commit} cannot be listed`);
  return facts;
}

function tooLarge(what: string): CloneStopped {
  return new CloneStopped('large', `the checkout ${what} that a build may have`);
}

/** Names may be long, not endless: what is cut off is of no interest here. */
const LONGEST_LINE = 64 * 1024;

async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
    yield* lines;
  }
}
