'use strict';

const path = require('node:path');

const { LauncherError } = require('./exit-codes.cjs');
const { assertTemporary } = require('./folders.cjs');
const { withLock } = require('./lock-file.cjs');
const { databaseSteps } = require('./tools/database.cjs');
const { dockerSteps } = require('./tools/docker.cjs');
const { MINIMUM_NODE, nodeSteps } = require('./tools/node.cjs');
const { ensurePackages } = require('./tools/npm-packages.cjs');
const { ensureBuilt } = require('./tools/product-build.cjs');
const { reasons, searchInOrder } = require('./tools/search.cjs');
const { cliSteps, temporalSteps } = require('./tools/temporal.cjs');

/** What the build worker calls besides the engine. */
const BUILD_COMMANDS = { git: 'git', ssh: 'openssh-client' };

/**
 * The Node that everything but the launcher runs on.
 * @param {import('./context.cjs').Context} context
 */
async function needNode({ machine, terminal }) {
  const { found, tried } = await searchInOrder(nodeSteps(machine, terminal));
  if (found) return found;
  throw new LauncherError(
    'node',
    `no Node ${MINIMUM_NODE} or newer (${reasons(tried)}): ${networkAdvice(tried)}install Node 24 from nodejs.org, then try again`,
  );
}

/**
 * The environment of every process: the chosen Node and the project's own commands come first.
 * @param {import('./context.cjs').Context} context
 * @param {{ bin: string }} node
 */
function environmentOn({ machine, root }, node) {
  const first = [path.dirname(node.bin), path.join(root, 'node_modules', '.bin')];
  return { ...machine.env, PATH: [...first, machine.env.PATH ?? '/usr/bin:/bin'].join(path.delimiter) };
}

/**
 * npm packages, and the built product where `build` says so; one launcher at a time in a checkout.
 * @param {import('./context.cjs').Context} context
 * @param {{ node: { bin: string }, build: false | 'when needed' | 'always' }} options
 */
async function needProduct(context, { node, build }) {
  const { machine, terminal, root, checkoutLock } = context;
  assertTemporary();
  const work = async () => {
    await ensurePackages(machine, terminal, root);
    if (build)
      await ensureBuilt(machine, terminal, {
        root,
        env: environmentOn(context, node),
        force: build === 'always',
      });
  };
  await withLock(checkoutLock, work, {
    onWait: (pid) =>
      terminal.say(`waiting for process ${pid}, which is installing or building in this checkout`),
  });
}

/**
 * @param {import('./context.cjs').Context} context
 * @param {{ address?: string }} configured
 */
async function needTemporal({ machine, terminal }, { address }) {
  const { found, tried } = await searchInOrder(temporalSteps(machine, terminal, { address }));
  if (found) return found;
  throw new LauncherError(
    'temporal',
    `no Temporal server (${reasons(tried)}): ${networkAdvice(tried)}put the Temporal CLI on PATH, install Go 1.25 or newer, or set TEMPORAL_ADDRESS to a server`,
  );
}

/** The CLI alone, as tests and doctor use it. */
async function needTemporalCli({ machine, terminal }) {
  const { found, tried } = await searchInOrder(cliSteps(machine, terminal));
  if (found) return found;
  throw new LauncherError(
    'temporal',
    `no Temporal CLI (${reasons(tried)}): ${networkAdvice(tried)}put it on PATH, or install Go 1.25 or newer`,
  );
}

/**
 * @param {import('./context.cjs').Context} context
 * @param {{ url?: string, docker?: { host: string } }} configured
 */
async function needDatabase({ machine, packages }, { url, docker }) {
  const { found, tried } = await searchInOrder(databaseSteps(machine, { url, docker, packages }));
  if (found) return found;
  throw new LauncherError(
    'database',
    `no MariaDB or MySQL (${reasons(tried)}): ${networkAdvice(tried)}install mariadb-server, or set DATABASE_URL to mysql://user:password@host/database`,
  );
}

/**
 * A Docker engine in reach, or one that may be started, or why builds are off; never a failure.
 * @param {import('./context.cjs').Context} context
 * @param {{ host?: string }} configured
 * @returns {Promise<{ engine?: Record<string, string>, why?: string }>}
 */
async function findDocker({ machine, packages }, { host }) {
  const { found, tried } = await searchInOrder(dockerSteps(machine, { host, packages }));
  if (found) return { engine: found };
  const how = machine.isRoot
    ? 'install docker.io, iproute2 and iptables'
    : 'start a Docker engine that this user may use';
  return { why: `no Docker engine (${reasons(tried)}): ${how}, or set DOCKER_HOST` };
}

/**
 * git and ssh for the build worker; answers why there are none.
 * @param {import('./context.cjs').Context} context
 */
async function whyNoBuildCommands({ packages }) {
  try {
    await packages.ensureCommands(BUILD_COMMANDS, 'builds clone from git');
    return undefined;
  } catch (error) {
    if (error instanceof LauncherError) return error.message;
    throw error;
  }
}

/** What to try first where the network was the reason. */
function networkAdvice(tried) {
  return /network/.test(reasons(tried)) ? 'check the network, ' : '';
}

module.exports = {
  needNode,
  environmentOn,
  needProduct,
  needTemporal,
  needTemporalCli,
  needDatabase,
  findDocker,
  whyNoBuildCommands,
};
