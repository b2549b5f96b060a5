import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import Docker from 'dockerode';
import { pack } from 'tar-stream';

import { atEndOfRun } from './cleanup';
import { RestartableServer } from './restartable-server';

let host: Promise<string> | undefined;
let engines = 0;

/** An engine that a test takes down and brings back, with images, containers and networks of its own. */
export interface OwnEngine {
  /** `unix://…` */
  host: string;
  server: RestartableServer;
  dispose(): Promise<void>;
}

/** Why tests that need a Docker engine cannot run here; undefined when they can. */
export function dockerIsMissing(): string | undefined {
  return process.env.SLIPWAY_DOCKER_HOST ? undefined : ownEngineIsMissing();
}

/** The same of tests that need an engine of their own. */
export function ownEngineIsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'a private Docker engine needs root';
  return existsSync('/usr/sbin/dockerd') ? undefined : 'there is no dockerd';
}

/** `unix://…` of the engine for tests: the one that `npm test` gives, else a private one that ends with the run. */
export function dockerHost(): Promise<string> {
  host ??= process.env.SLIPWAY_DOCKER_HOST
    ? Promise.resolve(process.env.SLIPWAY_DOCKER_HOST)
    : ownEngine().then((engine) => {
        atEndOfRun(() => engine.dispose());
        return engine.host;
      });
  return host;
}

/** A client of the engine of the test run, or of the one at `at`. */
export async function docker(at?: string): Promise<Docker> {
  return new Docker({ socketPath: (at ?? (await dockerHost())).slice('unix://'.length) });
}

/** Starts an engine with a bridge of its own; with a data folder of its own, too, or on the caller's. */
export async function ownEngine(dataRoot?: string): Promise<OwnEngine> {
  engines += 1;
  const folder = mkdtempSync(join(tmpdir(), 'slw-'));
  const socket = join(folder, 's');
  const bridge = `slwt${process.pid}x${engines}`;
  execFileSync('ip', ['link', 'add', bridge, 'type', 'bridge']);
  execFileSync('ip', ['addr', 'add', `10.${213 + engines}.${process.pid % 256}.1/24`, 'dev', bridge]);
  execFileSync('ip', ['link', 'set', bridge, 'up']);
  const folders = ['--data-root', dataRoot ?? join(folder, 'data'), '--exec-root', join(folder, 'exec')];
  const server = new RestartableServer({
    name: 'Docker engine',
    command: '/usr/sbin/dockerd',
    args: () => {
      // What an engine that was killed leaves of itself would keep the next one from starting.
      rmSync(join(folder, 'pid'), { force: true });
      return [
        ...['--host', `unix://${socket}`, ...folders, '--pidfile', join(folder, 'pid')],
        // BuildKit insists on a bridge; without packet filter rules it stays a network of this machine alone.
        ...['--bridge', bridge, '--iptables=false', '--ip6tables=false'],
      ];
    },
    ready: () => new Docker({ socketPath: socket, timeout: 5000 }).ping(),
  });
  await server.start();
  return {
    host: `unix://${socket}`,
    server,
    async dispose() {
      await server.stop('SIGTERM');
      execFileSync('ip', ['link', 'del', bridge]);
      unmountBelow(folder);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** File systems of containers whose engine was killed, and the machine's network once a container had it, stay mounted. */
function unmountBelow(folder: string): void {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const below = mounts
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${folder}/`));
  for (const path of below.reverse()) execFileSync('umount', ['--lazy', path]);
}

/** Half of the bytes, and of the time of every push; no test looks at them. */
const UNUSED = [
  'dev',
  'var/cache',
  'var/lib/apt/lists',
  ...['doc', 'man', 'locale', 'zoneinfo'].map((name) => `usr/share/${name}`),
];

/**
 * Path of a tar with the root of a minimal Debian 12, made once per user by debootstrap (about 30 s) and kept in the
 * user's cache; undefined, with a word on why, where it can be neither found nor made.
 */
export function debianRoot(): { archive: string } | { missing: string } {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'slipway');
  const archive = join(cache, 'debian-bookworm-tests.tar');
  if (existsSync(archive)) return { archive };
  if (process.getuid?.() !== 0) return { missing: 'debootstrap needs root' };
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'slw-debian-'));
  try {
    execFileSync('debootstrap', ['--variant=minbase', 'bookworm', join(folder, 'root')], { stdio: 'ignore' });
    const parts = ['-C', join(folder, 'root'), ...UNUSED.map((path) => `--exclude=./${path}/*`)];
    execFileSync('tar', [...parts, '-cf', `${archive}.${process.pid}`, '.']);
    renameSync(`${archive}.${process.pid}`, archive);
    return { archive };
  } catch (error) {
    return { missing: `debootstrap failed: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes the minimal Debian an image of the engine under `reference`. */
export function importDebian(reference: string, at?: string): Promise<void> {
  const root = debianRoot();
  if ('missing' in root) throw new Error(root.missing);
  return importImage(createReadStream(root.archive), reference, at);
}

/** Enough of that Debian for a shell and a few commands: 2 MB. */
const SHELL = [
  ...['bin', 'lib', 'lib64', 'usr/lib64', 'usr/lib/*/libc.so.6', 'usr/lib/*/ld-linux*'],
  ...['sh', 'dash', 'head', 'sleep'].map((name) => `usr/bin/${name}`),
].map((path) => `./${path}`);

/** Makes an image in which little more than `sh`, `head` and `sleep` can run: quick to push and to build from. */
export async function importShell(reference: string, at?: string): Promise<void> {
  const root = debianRoot();
  if ('missing' in root) throw new Error(root.missing);
  const folder = mkdtempSync(join(tmpdir(), 'slw-shell-'));
  try {
    execFileSync('tar', ['-xf', root.archive, '-C', folder, '--wildcards', ...SHELL]);
    const tar = execFileSync('tar', ['-cf', '-', '-C', folder, '.'], { maxBuffer: 64 * 1024 * 1024 });
    await importImage(Readable.from([tar]), reference, at);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes an image of one layer with a megabyte that no other image has; nothing in it can run. */
export function importSmallImage(reference: string): Promise<void> {
  const tar = pack();
  tar.entry({ name: 'unique' }, randomBytes(1024 * 1024));
  tar.finalize();
  return importImage(Readable.from(tar), reference);
}

async function importImage(tar: NodeJS.ReadableStream, reference: string, at?: string): Promise<void> {
  const engine = await docker(at);
  const colon = reference.lastIndexOf(':');
  const stream = await engine.importImage(tar, {
    repo: reference.slice(0, colon),
    tag: reference.slice(colon + 1),
  });
  await new Promise<void>((resolve, reject) => {
    engine.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
  });
}
