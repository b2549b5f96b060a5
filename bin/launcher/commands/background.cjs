'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const { refuseIfCancelled } = require('../cancellation.cjs');
const { makeHome } = require('../context.cjs');
const { LauncherError } = require('../exit-codes.cjs');
const { interruptible, together } = require('../interrupt.cjs');
const {
  findDocker,
  needDatabase,
  needNode,
  needProduct,
  needTemporal,
  whyNoBuildCommands,
} = require('../prepare.cjs');
const { configuredServers } = require('./configured.cjs');
const { runningLauncher } = require('./running.cjs');

const POLL_MS = 200;
const LONGEST_STOP_MS = 120_000;

/**
 * Starts the product as a process of its own that outlives this one; does nothing where it runs already. What asks a question or takes long
 * (packages, downloads, the build) happens here first, where a person sees it.
 * @param {import('../context.cjs').Context} context
 * @param {{ needsBuilds?: boolean }} [options] `needsBuilds`: without a Docker engine it is not even tried
 * @returns {Promise<boolean>} whether it was started now
 */
async function startInBackground(context, { needsBuilds = false } = {}) {
  const { layout, terminal, machine, root } = context;
  if (runningLauncher(layout)) {
    await waitUntilReady(context, () => undefined);
    return false;
  }
  makeHome(layout);
  await interruptible(() => prepareHere(context, { needsBuilds }));
  const logFile = path.join(layout.logs, 'launcher.log');
  const log = fs.openSync(logFile, 'a', 0o600);
  const from = fs.fstatSync(log).size;
  const args = [path.join(root, 'bin', 'slipway'), 'start', '--yes'];
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: machine.env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  fs.closeSync(log);
  /** @type {number | undefined} */
  let exitCode;
  child.once('exit', (code) => (exitCode = code ?? 1));
  child.unref();
  await interruptible(() =>
    terminal.step('starting Slipway', (detail) =>
      waitUntilReady(context, () => {
        const said = fs.readFileSync(logFile).subarray(from).toString('utf8').trim();
        detail(said.split('\n').pop() ?? '');
        return exitCode === undefined ? undefined : { exitCode, said };
      }),
    ),
  ).catch(async (error) => {
    // Nobody would know that it goes on starting.
    if (child.pid && exitCode === undefined) await terminal.step('stopping', () => endOf(child));
    throw error;
  });
  return true;
}

/** Asks it to stop, and waits until it has stopped all that it started. */
async function endOf(child) {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await Promise.race([gone, sleep(LONGEST_STOP_MS, undefined, { ref: false })]);
}

/** What asks a question or takes long, side by side. */
async function prepareHere(context, { needsBuilds }) {
  const node = await needNode(context);
  const { url, address, host } = configuredServers(context);
  await together([
    () => needProduct(context, { node, build: 'when needed' }),
    () => needTemporal(context, { address }),
    () => needServers(context, { url, host, needsBuilds }),
  ]);
}

async function needServers(context, { url, host, needsBuilds }) {
  const { engine, why } = await findDocker(context, { host });
  if (why && needsBuilds) throw noBuilds(why);
  await needDatabase(context, { url, docker: engine?.host ? { host: engine.host } : undefined });
  const whyNot = await whyNoBuildCommands(context);
  if (whyNot && needsBuilds) throw noBuilds(whyNot);
}

/** @param {string} why */
function noBuilds(why) {
  return new LauncherError('docker', `the demo builds an image, and builds are off: ${why}`);
}

/** Until it is ready, or until `ended` says that it will not be. */
async function waitUntilReady({ layout }, ended) {
  while (!runningLauncher(layout)?.state.isReady) {
    refuseIfCancelled();
    const end = ended();
    if (end) throw new BackgroundError(end);
    await sleep(POLL_MS);
  }
}

/** Passes on what the background process said last and its exit code. */
class BackgroundError extends LauncherError {
  constructor({ exitCode, said }) {
    super('partFailed', said.split(/^slipway: /m).pop() || 'it did not start');
    this.code = exitCode;
  }

  get exitCode() {
    return this.code;
  }
}

module.exports = { startInBackground, noBuilds };
