'use strict';

const fs = require('node:fs');

const { LauncherError } = require('../exit-codes.cjs');
const { runHere } = require('../foreground.cjs');
const { interruptible } = require('../interrupt.cjs');
const { environmentOn, needNode, needProduct } = require('../prepare.cjs');
const { needRunning, runningLauncher } = require('./running.cjs');
const { processEnvironment } = require('./start.cjs');

/**
 * Hands a command to the product's own command line, on the configuration of this data folder.
 * @param {import('../context.cjs').Context} context
 * @param {string[]} args
 */
async function productCli(context, args) {
  const { layout, root, machine } = context;
  const asksForHelp = args.includes('--help') || args.includes('-h');
  // With a database of somebody else's there is nothing that had to run first.
  if (!asksForHelp && !machine.env.DATABASE_URL) needRunning(layout);
  const node = await prepared(context, runningLauncher(layout) ? false : 'when needed');
  const env = processEnvironment(context, node);
  if (!fs.existsSync(layout.config)) delete env.SLIPWAY_CONFIG;
  const docker = runningLauncher(layout)?.state.docker;
  if (docker) env.DOCKER_HOST = docker.host;
  return runHere(node.bin, [`${root}/dist/cli/main.js`, ...args], { env });
}

/** The password that the launcher gave the first administrator. */
async function adminPassword({ layout }) {
  if (!fs.existsSync(layout.adminPassword)) {
    throw new LauncherError(
      'notRunning',
      `no password is kept in ${layout.home}: it is made at the first npm start`,
    );
  }
  process.stdout.write(fs.readFileSync(layout.adminPassword, 'utf8'));
  return 0;
}

/**
 * Runs any command on the chosen Node with the project's packages in reach.
 * @param {import('../context.cjs').Context} context
 * @param {string[]} command
 */
async function execute(context, [command, ...args]) {
  if (!command) throw new LauncherError('usage', 'exec needs a command: bin/slipway exec node --version');
  const node = await prepared(context, false);
  try {
    return await runHere(command, args, { env: environmentOn(context, node) });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    throw new LauncherError('usage', `there is no command "${command}"`);
  }
}

/** @param {import('../context.cjs').Context} context */
async function build(context) {
  await prepared(context, 'always');
  return 0;
}

/** The chosen Node, with the npm packages and the built product where `build` asks for it. */
function prepared(context, build) {
  return interruptible(async () => {
    const node = await needNode(context);
    await needProduct(context, { node, build });
    return node;
  });
}

module.exports = { productCli, adminPassword, execute, build };
