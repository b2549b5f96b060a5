import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import Docker from 'dockerode';
import { pack } from 'tar-stream';

import { atEndOfRun } from './cleanup';
import { eventually } from './eventually';
import { startProcess } from './processes';

let host: Promise<string> | undefined;

/** Why tests that need a Docker engine cannot run here; undefined when they can. */
export function dockerIsMissing(): string | undefined {
  if (process.env.SLIPWAY_DOCKER_HOST) return undefined;
  if (process.getuid?.() !== 0) return 'a private Docker engine needs root';
  return existsSync('/usr/sbin/dockerd') ? undefined : 'there is no dockerd';
}

/** `unix://…` of the engine for tests: the one that `npm test` gives, else a private one that ends with the run. */
export function dockerHost(): Promise<string> {
  host ??= process.env.SLIPWAY_DOCKER_HOST ? Promise.resolve(process.env.SLIPWAY_DOCKER_HOST) : startEngine();
  return host;
}

export async function docker(): Promise<Docker> {
  return new Docker({ socketPath: (await dockerHost()).slice('unix://'.length) });
}

async function startEngine(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'slw-'));
  const socket = join(folder, 's');
  const bridge = `slwt${process.pid}`;
  execFileSync('ip', ['link', 'add', bridge, 'type', 'bridge']);
  execFileSync('ip', ['addr', 'add', `10.214.${process.pid % 256}.1/24`, 'dev', bridge]);
  execFileSync('ip', ['link', 'set', bridge, 'up']);
  const daemon = startProcess('/usr/sbin/dockerd', [
    ...[
      '--host',
      `unix://${socket}`,
      '--data-root',
      join(folder, 'data'),
      '--exec-root',
      join(folder, 'exec'),
    ],
    // BuildKit insists on a bridge; without packet filter rules it stays a network of this machine alone.
    ...['--pidfile', join(folder, 'pid'), '--bridge', bridge, '--iptables=false', '--ip6tables=false'],
  ]);
  atEndOfRun(async () => {
    await daemon.stop('SIGTERM');
    execFileSync('ip', ['link', 'del', bridge]);
    // Stays mounted once a container had the machine's network.
    const network = join(folder, 'exec', 'netns', 'default');
    if (existsSync(network)) execFileSync('umount', ['-l', network]);
    rmSync(folder, { recursive: true, force: true });
  });
  await eventually(async () => {
    if (daemon.child.exitCode !== null) throw new Error(`dockerd ended: ${daemon.output().slice(-2000)}`);
    await new Docker({ socketPath: socket }).ping();
  }, 60_000);
  return `unix://${socket}`;
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
export function importDebian(reference: string): Promise<void> {
  const root = debianRoot();
  if ('missing' in root) throw new Error(root.missing);
  return importImage(createReadStream(root.archive), reference);
}

/** Makes an image of one layer with a megabyte that no other image has; nothing in it can run. */
export function importSmallImage(reference: string): Promise<void> {
  const tar = pack();
  tar.entry({ name: 'unique' }, randomBytes(1024 * 1024));
  tar.finalize();
  return importImage(Readable.from(tar), reference);
}

async function importImage(tar: NodeJS.ReadableStream, reference: string): Promise<void> {
  const engine = await docker();
  const colon = reference.lastIndexOf(':');
  const stream = await engine.importImage(tar, {
    repo: reference.slice(0, colon),
    tag: reference.slice(colon + 1),
  });
  await new Promise<void>((resolve, reject) => {
    engine.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
  });
}
