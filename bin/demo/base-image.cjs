'use strict';

const { spawn } = require('node:child_process');
const { createReadStream, existsSync } = require('node:fs');
const { mkdir, mkdtemp, rename, rm } = require('node:fs/promises');
const { homedir, tmpdir } = require('node:os');
const { join } = require('node:path');

const { endWithDemo } = require('./interruption.cjs');

const PUBLIC_IMAGE = 'debian:bookworm-slim';
const PULL_DEADLINE_MS = 20_000;
const PACKAGES = 'python3-minimal';

/**
 * A Debian with Python in the engine, under `reference`: made from the public image where a registry can be reached,
 * else from Debian's packages with debootstrap, kept for the next time. Answers what it was made from.
 */
async function makeBaseImage(docker, reference, note) {
  if (await pullPublicImage(docker)) {
    note(`adding Python to ${PUBLIC_IMAGE}`);
    await buildOnPublicImage(docker, reference);
    return PUBLIC_IMAGE;
  }
  const archive = await debianArchive(note);
  note('importing the root file system');
  const [repo, tag] = splitReference(reference);
  const changes = [
    'CMD ["/bin/sh"]',
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ];
  const stream = await docker.importImage(createReadStream(archive), { repo, tag, changes });
  await finish(docker, stream);
  return `Debian's packages (debootstrap)`;
}

async function pullPublicImage(docker) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PULL_DEADLINE_MS);
  try {
    const stream = await docker.pull(PUBLIC_IMAGE, { abortSignal: abort.signal });
    await finish(docker, stream);
    return true;
  } catch {
    // No registry in reach, whatever the reason: the other way needs none.
    return false;
  } finally {
    clearTimeout(timer);
  }
}

async function buildOnPublicImage(docker, reference) {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-demo-base-'));
  try {
    const { pack } = require('tar-stream');
    const context = pack();
    const dockerfile =
      `FROM ${PUBLIC_IMAGE}\n` +
      `RUN apt-get update && apt-get install -y --no-install-recommends ${PACKAGES} && rm -rf /var/lib/apt/lists/*\n`;
    context.entry({ name: 'Dockerfile' }, dockerfile);
    context.finalize();
    await finish(docker, await docker.buildImage(context, { t: reference }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function debianArchive(note) {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'slipway');
  const archive = join(cache, 'debian-bookworm-python3.tar');
  if (existsSync(archive)) return archive;
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(tmpdir(), 'slipway-demo-debian-'));
  try {
    note('debootstrap is fetching Debian packages');
    await run(
      'debootstrap',
      ['--variant=minbase', `--include=${PACKAGES}`, 'bookworm', join(folder, 'root')],
      note,
    );
    await run(
      'tar',
      [
        '-C',
        join(folder, 'root'),
        '--exclude=./var/cache/apt/archives/*.deb',
        '--exclude=./dev/*',
        '-cf',
        join(folder, 'a.tar'),
        '.',
      ],
      note,
    );
    // Another file system may hold the cache: copy beside the target first, so that nobody sees half a file.
    await run('cp', [join(folder, 'a.tar'), `${archive}.${process.pid}`], note);
    await rename(`${archive}.${process.pid}`, archive);
    return archive;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(command, args, note) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    endWithDemo(child);
    let tail = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        tail = (tail + text).slice(-2000);
        note(text.trim().split('\n').pop() || '');
      });
    }
    child.once('error', (error) => reject(new Error(`${command} could not be started: ${error.message}`)));
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command} failed:\n${tail}`)),
    );
  });
}

/** Reads an engine's progress to its end; rejects with the error it tells of. */
function finish(docker, stream, onEvent) {
  return new Promise((resolve, reject) => {
    let failure;
    docker.modem.followProgress(
      stream,
      (error) => (error || failure ? reject(error || new Error(failure)) : resolve()),
      (event) => {
        if (event.error) failure = event.error;
        if (onEvent) onEvent(event);
      },
    );
  });
}

function splitReference(reference) {
  const colon = reference.lastIndexOf(':');
  return [reference.slice(0, colon), reference.slice(colon + 1)];
}

module.exports = { makeBaseImage, finish, splitReference };
