import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { debianRoot, dockerHost, dockerIsMissing, importDebian } from './docker';

const ROOT = join(__dirname, '..', '..');
const BASE = 'slipway-test/base:local';
export const PRODUCT_IMAGE = 'slipway-test/product:local';
export const BUILD_ARGS = {
  VERSION: '0.0.0-test',
  REVISION: 'a1b2c3d',
  CREATED: '2026-11-21T00:00:00Z',
  SOURCE: 'https://git.example/slipway',
};
const HOST_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/** Why the image cannot be built here; undefined when it can. */
export function imageIsMissing(): string | undefined {
  const missing = dockerIsMissing();
  if (missing) return missing;
  if (which('docker') === '') return 'there is no docker command';
  const root = debianRoot();
  return 'missing' in root ? root.missing : undefined;
}

let built: Promise<string> | undefined;

/** The product's image from its Dockerfile, once per run: on a base made of Debian's packages and the Node that runs the tests. */
export function productImage(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  await importDebian('slipway-test/debian:local');
  await buildBase();
  await dockerBuild(ROOT, PRODUCT_IMAGE, { BASE_IMAGE: BASE, ...BUILD_ARGS });
  return PRODUCT_IMAGE;
}

/** What the official image of Node is: Debian, Node and npm; with this machine's certificates and npm settings besides. */
async function buildBase(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'slw-base-'));
  try {
    const local = join(folder, 'usr', 'local');
    const modules = join(local, 'lib', 'node_modules');
    const certificates = join(folder, 'certs');
    for (const made of [join(local, 'bin'), modules, certificates]) {
      mkdirSync(made, { recursive: true });
    }
    cpSync(realpathSync(process.execPath), join(local, 'bin', 'node'));
    cpSync(npmFolder(), join(modules, 'npm'), { recursive: true });
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin', 'npm'));
    if (existsSync(HOST_CERTIFICATES)) cpSync(HOST_CERTIFICATES, join(certificates, 'ca.crt'));
    else writeFileSync(join(certificates, 'ca.crt'), '');
    const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
    writeFileSync(
      join(folder, 'Dockerfile'),
      [
        'FROM slipway-test/debian:local',
        'COPY usr /usr',
        'COPY certs/ca.crt /opt/ca.crt',
        `ENV NODE_EXTRA_CA_CERTS=/opt/ca.crt npm_config_registry=${registry}`,
      ].join('\n'),
    );
    await dockerBuild(folder, BASE);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As people type it. The private engine's bridge leads nowhere, so what a build fetches comes over the machine's network. */
async function dockerBuild(
  folder: string,
  tag: string,
  buildArgs: Record<string, string> = {},
): Promise<void> {
  const args = Object.entries(buildArgs).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  const env = { ...process.env, DOCKER_HOST: await dockerHost(), DOCKER_BUILDKIT: '0' };
  await promisify(execFile)('docker', ['build', '--network', 'host', '--tag', tag, ...args, folder], {
    env,
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: Error & { stdout?: string }) => {
    throw new Error(`${error.message.slice(-2000)}\n${(error.stdout ?? '').slice(-4000)}`);
  });
}

/** Of the npm on PATH. */
function npmFolder(): string {
  return dirname(dirname(realpathSync(which('npm'))));
}

/** Where PATH has a command; empty when it has not. */
function which(command: string): string {
  return execFileSync('sh', ['-c', `command -v ${command} || true`], { encoding: 'utf8' }).trim();
}
