import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';

import { plainReason } from '../../bin/launcher/child-process.cjs';
import { createMachine } from '../../bin/launcher/machine.cjs';
import { createTerminal } from '../../bin/launcher/terminal.cjs';
import { goInstall } from '../../bin/launcher/tools/go-install.cjs';
import { fillCache } from '../../bin/launcher/tools/tool-cache.cjs';

/** A command written in Go that tests or benches call, at the version they were written against. */
export interface GoProgram {
  /** Import path; its last element is the name of the command. */
  package: string;
  version: string;
  /** What it is called in the cache, where the command's own name says too little. */
  name?: string;
}

export type GoBinary = string | { missing: string };

/** All builds of one process together. */
const BUILDS_MS = 30 * 60_000;
// Whoever lacks these cannot have the program; every other failure is one of the project.
const NO_MEANS =
  /ENOENT|no such host|network is unreachable|i\/o timeout|connection (?:refused|reset)|TLS handshake|GOPROXY=off|requires go >=|no space left/;

const known = new Map<string, Promise<GoBinary>>();
/** The end of the last build that was asked for, by the cache that it fills. */
const before = new Map<string, Promise<unknown>>();
const announced: GoProgram[] = [];
let spentMs = 0;

/** For a file of tests to say, as it is loaded, what it will need. */
export function soonNeeded(program: GoProgram): GoProgram {
  announced.push(program);
  return program;
}

/** Builds what the files that were loaded will need, beside the tests that run first; who needs it waits for the rest. */
export function buildAnnounced(): void {
  for (const program of announced) void goProgram(program).catch(() => undefined);
}

/**
 * Path of a program in the user's cache, built there with Go once per user and version, which may take minutes; or why this
 * machine cannot have it. Throws where it can, and the build fails all the same.
 */
export function goProgram(program: GoProgram, env: NodeJS.ProcessEnv = process.env): Promise<GoBinary> {
  const machine = createMachine(env);
  const name = join('bin', `${program.name ?? basename(program.package)}-${program.version}`);
  const path = join(machine.cache, name);
  const existing = () =>
    Promise.resolve<string | { path: string }>(existsSync(path) ? { path } : 'nothing there');

  async function build(): Promise<GoBinary> {
    const terminal = createTerminal();
    const since = Date.now();
    const title = `building ${basename(name)} with Go (some minutes, once)`;
    const made: string | { path: string } = await terminal.step(title, (detail) =>
      fillCache<{ path: string }>(machine, name, terminal, {
        existing,
        make: (draft) =>
          goInstall(machine, program, draft, {
            onLine: detail,
            timeoutMs: BUILDS_MS - spentMs,
            niceness: 19,
          }),
      }),
    );
    spentMs = Math.min(BUILDS_MS - 1, spentMs + Date.now() - since);
    if (typeof made !== 'string') return made.path;
    if (!NO_MEANS.test(made)) throw new Error(`${program.package}@${program.version}: ${made}`);
    const reason = /ENOENT/.test(made) ? 'Go is not installed' : `go install failed (${plainReason(made)})`;
    return { missing: `there is no ${basename(name)}: ${reason}` };
  }

  if (existsSync(path)) return Promise.resolve(path);
  let binary = known.get(path);
  if (!binary) {
    // One after the other: each of them keeps all cores busy.
    binary = (before.get(machine.cache) ?? Promise.resolve()).then(build);
    known.set(path, binary);
    before.set(
      machine.cache,
      binary.catch(() => undefined),
    );
  }
  return binary;
}

/** The same in a hook of mocha, which is skipped by name where the program cannot be had. */
export async function needGoProgram(hook: Mocha.Context, program: GoProgram): Promise<string> {
  hook.timeout(BUILDS_MS + 10_000);
  const binary = await goProgram(program);
  if (typeof binary === 'string') return binary;
  console.log(`      skipped: ${binary.missing}`);
  return hook.skip();
}
