import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { homeLayout } from '../../bin/launcher/layout.cjs';
import { sourceDigest } from '../../bin/launcher/tools/product-build.cjs';
import { eventually } from './eventually';
import type { RunningProcess } from './processes';
import { startProcess } from './processes';
import { temporalBinary } from './temporal';

const SERVER_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/libexec'];
const MARK = 'SLIPWAY_TEST_MACHINE';

/** What a machine lacks. */
export interface Missing {
  /** Commands that nobody finds. */
  commands?: string[];
  /** Loopback only. */
  network?: boolean;
  /** Folders that nobody can write, root included. */
  readOnly?: string[];
  /** A file system of this size in place of a folder. */
  small?: { folder: string; mebibytes: number };
  /** There is a stand-in of apt-get. */
  aptGet?: boolean;
  env?: Record<string, string | undefined>;
}

export interface Ended {
  code: number | null;
  output: string;
  tookMs: number;
}

/** Whether this account may make machines of which something is missing (mount and network namespaces). */
export function canMakeMachines(): boolean {
  if (process.getuid?.() !== 0) return false;
  return spawnSync('unshare', ['--mount', '--net', 'ip', 'link', 'set', 'lo', 'up']).status === 0;
}

/**
 * A checkout with its own data, cache and temporary folder, to start the launcher in as on a machine where something is missing. No Docker
 * engine and no apt-get are there unless `withDocker`; everything else is, until a test takes it away.
 */
export class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipway-machine-'));
  readonly checkout = join(this.folder, 'checkout');
  readonly home = join(this.folder, 'home');
  readonly cache = join(this.folder, 'cache');
  readonly temporary = join(this.folder, 'tmp');
  /** First on PATH: a stand-in of a command goes here. */
  readonly commands = join(this.folder, 'bin');
  private readonly mark = `${this.folder}:${process.pid}`;

  constructor() {
    for (const made of [this.checkout, this.temporary, this.commands]) mkdirSync(made);
    cpSync(resolve('bin'), join(this.checkout, 'bin'), { recursive: true });
    cpSync(resolve('dist'), join(this.checkout, 'dist'), { recursive: true });
    for (const file of ['package.json', 'package-lock.json']) {
      copyFileSync(resolve(file), join(this.checkout, file));
    }
    symlinkSync(realpathSync('node_modules'), join(this.checkout, 'node_modules'));
    const digest = sourceDigest(this.checkout);
    writeFileSync(join(this.checkout, 'dist', '.sources.json'), JSON.stringify({ digest }));
    mkdirSync(join(this.cache, 'slipway', 'bin'), { recursive: true });
    symlinkSync(temporalBinary(), join(this.cache, 'slipway', 'bin', 'temporal'));
  }

  /** Takes Temporal out of the cache. */
  forgetTemporal(): void {
    rmSync(join(this.cache, 'slipway', 'bin', 'temporal'), { force: true });
  }

  /** A shell script in place of a command. */
  standIn(name: string, script: string): void {
    const file = join(this.commands, name);
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  }

  start(args: string[], missing: Missing = {}): RunningProcess {
    const script = [...setUp(missing), 'exec "$@"'].join('\n');
    const namespaces = ['--mount', ...(missing.network === false ? ['--net'] : [])];
    const launcher = [process.execPath, join(this.checkout, 'bin', 'slipway'), ...args];
    return startProcess(
      'unshare',
      [...namespaces, 'sh', '-ec', script, 'machine', ...launcher],
      this.environment(missing.env),
    );
  }

  /** Runs the launcher to its end, and makes sure that nothing of it is left. */
  async run(args: string[], missing: Missing = {}): Promise<Ended> {
    const result = await this.runBeside(args, missing);
    this.assertNothingLeft(result.output);
    return result;
  }

  /** Runs a command beside what runs already. */
  async runBeside(args: string[], missing: Missing = {}): Promise<Ended> {
    const since = Date.now();
    const running = this.start(args, missing);
    await ended(running);
    return { code: running.child.exitCode, output: running.output(), tookMs: Date.now() - since };
  }

  /** No process, no network bridge, nothing in the temporary folder. */
  assertNothingLeft(output = ''): void {
    assert.deepEqual(this.processes(), [], output);
    const { id } = homeLayout({ SLIPWAY_HOME: this.home });
    assert.equal(existsSync(`/sys/class/net/slw${id}`), false, output);
    // Ports are noted there where the cache cannot be written.
    const left = readdirSync(this.temporary).filter((name) => !name.endsWith('-ports.json'));
    assert.deepEqual(left, [], output);
  }

  /** Command lines of all processes that were started on this machine and still run. */
  processes(): string[] {
    const found: string[] = [];
    for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      try {
        const isOurs = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${MARK}=${this.mark}`);
        if (isOurs) found.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
      } catch {
        // It ended meanwhile.
      }
    }
    return found;
  }

  /** Kills what a failed test left, and takes all folders away. */
  dispose(): void {
    const launcher = join(this.checkout, 'bin', 'slipway');
    spawnSync(process.execPath, [launcher, 'stop'], { env: this.environment(), stdio: 'ignore' });
    rmSync(this.folder, { recursive: true, force: true });
  }

  private environment(changes: Record<string, string | undefined> = {}): NodeJS.ProcessEnv {
    const env: NodeJS.ProcessEnv = {
      PATH: [this.commands, process.env.PATH].join(':'),
      HOME: process.env.HOME,
      TMPDIR: this.temporary,
      SLIPWAY_HOME: this.home,
      XDG_CACHE_HOME: this.cache,
      npm_config_cache: join(this.folder, 'npm'),
      // npm would leave its own in the temporary folder.
      NODE_DISABLE_COMPILE_CACHE: '1',
      [MARK]: this.mark,
      ...changes,
    };
    for (const name of Object.keys(env)) if (env[name] === undefined) delete env[name];
    return env;
  }
}

export async function ended(running: RunningProcess): Promise<void> {
  await eventually(
    () => assert.notEqual(running.child.exitCode ?? running.child.signalCode, null, running.output()),
    45_000,
  );
}

/** Shell commands that make the machine poorer before the launcher starts on it. */
function setUp({ commands = [], network = true, readOnly = [], small, aptGet = false }: Missing): string[] {
  const hidden = [...commands, 'dockerd', ...(aptGet ? [] : ['apt-get'])].flatMap(everyPathOf);
  return [
    ...[...hidden, '/var/run/docker.sock'].filter(existsSync).map((file) => `mount --bind /dev/null ${file}`),
    ...(network ? [] : ['ip link set lo up']),
    ...(small ? [`mount -t tmpfs -o size=${small.mebibytes}m tmpfs ${small.folder}`] : []),
    ...readOnly.map((folder) => `mount --bind ${folder} ${folder} && mount -o remount,ro,bind ${folder}`),
  ];
}

function everyPathOf(command: string): string[] {
  const folders = [...(process.env.PATH ?? '').split(':'), ...SERVER_FOLDERS];
  const found = folders.map((folder) => join(folder, command)).filter(existsSync);
  return [...new Set(found.map((file) => realpathSync(file)))];
}
