'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { pipeline } = require('node:stream/promises');
const { Readable } = require('node:stream');

const { currentSignal } = require('../cancellation.cjs');
const { lastLines, plainReason } = require('../child-process.cjs');
const { isAtLeast } = require('../versions.cjs');
const { goInstall } = require('./go-install.cjs');
const { fillCache } = require('./tool-cache.cjs');

const CLI_VERSION = 'v1.5.1';
const CONNECT_TIMEOUT_MS = 5000;
const DOWNLOAD_TIMEOUT_MS = 300_000;
const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' };

/**
 * Where to look for Temporal: a server that is configured, the CLI (it carries the dev server) on PATH or in the cache, the vendor's
 * download, Go.
 * @param {import('../machine.cjs').Machine} machine
 * @param {import('../terminal.cjs').Terminal} terminal
 * @param {{ address?: string }} configured address of a server that somebody else runs
 * @returns {import('./search.cjs').Step<{ address?: string, bin?: string, version?: string }>[]}
 */
function temporalSteps(machine, terminal, { address } = {}) {
  return [
    { where: 'TEMPORAL_ADDRESS', find: async () => (address ? { address } : 'not set') },
    ...cliSteps(machine, terminal),
  ];
}

/**
 * The CLI alone.
 * @param {import('../machine.cjs').Machine} machine
 * @param {import('../terminal.cjs').Terminal} terminal
 * @returns {import('./search.cjs').Step<{ bin: string, version: string }>[]}
 */
function cliSteps(machine, terminal) {
  const cached = path.join(machine.cache, 'bin', 'temporal');
  const existing = () => tryCli(machine, cached);
  const obtain = (make) => () =>
    fillCache(machine, path.join('bin', 'temporal'), terminal, { existing, make });
  return [
    { where: 'PATH', find: () => tryCli(machine, machine.which('temporal')) },
    { where: 'the cache', find: existing },
    {
      where: 'temporal.download',
      obtains: `download the Temporal CLI ${CLI_VERSION} from temporal.download into ${cached}`,
      applies: () => Boolean(ARCHITECTURES[machine.arch]),
      find: () =>
        terminal.step('downloading Temporal', (detail) =>
          obtain((draft) => downloadCli(machine, draft, detail))(),
        ),
    },
    {
      where: 'Go',
      obtains: `build the Temporal CLI ${CLI_VERSION} with Go into ${cached} (some minutes, once)`,
      applies: async () =>
        isAtLeast((await machine.capture('go', ['version'], { timeoutMs: 10_000 })).stdout, '1.25'),
      find: () =>
        terminal.step('building Temporal with Go (some minutes, once)', (detail) =>
          obtain((draft) => buildCli(machine, draft, detail))(),
        ),
    },
  ];
}

async function tryCli(machine, bin) {
  if (!bin || !machine.exists(bin)) return 'nothing there';
  const { code, stdout } = await machine.capture(bin, ['--version'], { timeoutMs: 20_000 });
  if (code !== 0) return `${bin} does not run here`;
  const server = /Server ([\d.]+)/.exec(stdout);
  return { bin, version: server ? server[1] : stdout.trim() };
}

async function downloadCli(machine, draft, detail) {
  const url = `https://temporal.download/cli/archive/${CLI_VERSION}?platform=${machine.platform}&arch=${ARCHITECTURES[machine.arch]}`;
  const work = `${draft}.work`;
  const archive = path.join(work, 'temporal.tar.gz');
  fs.mkdirSync(work, { recursive: true });
  try {
    await fetchTo(url, archive, detail);
    const { code, output } = await machine.capture('tar', ['-xzf', archive, '-C', work, 'temporal']);
    if (code !== 0) return `the archive cannot be read (${lastLines(output)})`;
    fs.renameSync(path.join(work, 'temporal'), draft);
    return undefined;
  } catch (error) {
    return `no download (${plainReason(error.cause?.code ?? error.cause?.message ?? error.message)})`;
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** A host that does not answer at all is given up early; a slow line is not. */
async function fetchTo(url, file, detail) {
  const abort = new AbortController();
  const giveUp = () => abort.abort(new Error('interrupted'));
  currentSignal()?.addEventListener('abort', giveUp);
  let timer = setTimeout(() => abort.abort(new Error('no answer')), CONNECT_TIMEOUT_MS);
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || !response.body) throw new Error(`answer ${response.status}`);
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(new Error('too slow')), DOWNLOAD_TIMEOUT_MS);
    let bytes = 0;
    const body = Readable.fromWeb(response.body);
    body.on('data', (chunk) => detail(`${((bytes += chunk.length) / 1e6).toFixed(0)} MB`));
    await pipeline(body, fs.createWriteStream(file), { signal: abort.signal });
  } finally {
    currentSignal()?.removeEventListener('abort', giveUp);
    clearTimeout(timer);
  }
}

async function buildCli(machine, draft, detail) {
  const program = { package: 'github.com/temporalio/cli/cmd/temporal', version: CLI_VERSION };
  const failure = await goInstall(machine, program, draft, { onLine: detail });
  return failure && `go install failed (${plainReason(failure)})`;
}

module.exports = { temporalSteps, cliSteps };
