'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { LauncherError } = require('../exit-codes.cjs');
const { runHere } = require('../foreground.cjs');
const { needNode } = require('../prepare.cjs');
const { startInBackground } = require('./background.cjs');
const { processEnvironment } = require('./start.cjs');
const { currentStatus } = require('./status.cjs');
const { stop } = require('./stop.cjs');

/**
 * Shows the main job on the running product, or on one that is started for it and stopped afterwards.
 * @param {import('../context.cjs').Context} context
 * @param {{ keep?: boolean, rest: string[] }} options `rest` goes to the demo itself
 */
async function demo(context, { keep = false, rest }) {
  const { root, terminal } = context;
  const script = path.join(root, 'bin', 'demo', 'main.cjs');
  const wasStarted = await startInBackground(context);
  try {
    const status = await currentStatus(context);
    if (status.builds !== 'on')
      throw new LauncherError('docker', `the demo builds an image, and builds are ${status.builds}`);
    const node = await needNode(context);
    const env = {
      ...processEnvironment(context, node),
      NODE_ENV: '',
      SLIPWAY_STATUS: JSON.stringify(status),
      SLIPWAY_LAUNCHER: path.join(root, 'bin', 'slipway'),
      SLIPWAY_NODE: node.bin,
      DOCKER_HOST: status.docker.host,
    };
    const args = [...(keep ? ['--keep'] : []), ...rest];
    return await runHere(node.bin, [fs.realpathSync(script), ...args], { env });
  } finally {
    if (wasStarted && !keep) await stop(context);
    if (keep) terminal.say('Slipway keeps running: bin/slipway status shows it, bin/slipway stop ends it');
  }
}

module.exports = { demo };
