'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const { makeHome } = require('../context.cjs');
const { LauncherError } = require('../exit-codes.cjs');
const {
  findDocker,
  needDatabase,
  needNode,
  needProduct,
  needTemporal,
  whyNoBuildCommands,
} = require('../prepare.cjs');
const { runningLauncher } = require('./running.cjs');

const POLL_MS = 200;

/**
 * Starts the product as a process of its own that outlives this one; does nothing where it runs already. What asks a question or takes long
 * (packages, downloads, the build) happens here first, where a person sees it.
 * @param {import('../context.cjs').Context} context
 * @returns {Promise<boolean>} whether it was started now
 */
async function startInBackground(context) {
  const { layout, terminal, machine, root } = context;
  if (runningLauncher(layout)) {
    await waitUntilReady(context, () => undefined);
    return false;
  }
  makeHome(layout);
  const { env } = machine;
  const node = await needNode(context);
  await needTemporal(context, { address: env.TEMPORAL_ADDRESS });
  const docker = await findDocker(context, { host: env.DOCKER_HOST });
  await needDatabase(context, {
    url: env.DATABASE_URL,
    docker: docker.engine?.host ? { host: docker.engine.host } : undefined,
  });
  await whyNoBuildCommands(context);
  await needProduct(context, { node, build: 'when needed' });

  const logFile = path.join(layout.logs, 'launcher.log');
  const log = fs.openSync(logFile, 'a', 0o600);
  const from = fs.fstatSync(log).size;
  const args = [path.join(root, 'bin', 'slipway'), 'start', '--yes'];
  const child = spawn(process.execPath, args, {
    cwd: root,
    env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  fs.closeSync(log);
  /** @type {number | undefined} */
  let exitCode;
  child.once('exit', (code) => (exitCode = code ?? 1));
  child.unref();
  await terminal.step('starting Slipway', (detail) =>
    waitUntilReady(context, () => {
      const said = fs.readFileSync(logFile, 'utf8').slice(from).trim();
      detail(said.split('\n').pop() ?? '');
      return exitCode === undefined ? undefined : { exitCode, said };
    }),
  );
  return true;
}

/** Until it is ready, or until `ended` says that it will not be. */
async function waitUntilReady({ layout }, ended) {
  while (!runningLauncher(layout)?.state.isReady) {
    const end = ended();
    if (end) throw new BackgroundError(end);
    await sleep(POLL_MS);
  }
}

/** Passes on what the background process said last and its exit code. */
class BackgroundError extends LauncherError {
  constructor({ exitCode, said }) {
    super(
      'partFailed',
      said
        .split('\n')
        .pop()
        ?.replace(/^slipway: /, '') ?? 'it did not start',
    );
    this.code = exitCode;
  }

  get exitCode() {
    return this.code;
  }
}

module.exports = { startInBackground };
