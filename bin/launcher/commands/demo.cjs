'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { runHere } = require('../foreground.cjs');
const { listenForInterrupt } = require('../interrupt.cjs');
const { needNode } = require('../prepare.cjs');
const { noBuilds, startInBackground } = require('./background.cjs');
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
  // From here to the end: a signal between two steps must not leave the product running.
  const interrupt = listenForInterrupt();
  let wasStarted = false;
  let isUp = false;
  try {
    wasStarted = await startInBackground(context, { needsBuilds: true });
    isUp = true;
    const status = await interrupt.unlessInterrupted(() => currentStatus(context));
    if (status.builds !== 'on') throw noBuilds(String(status.builds).replace(/^off: /, ''));
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
    interrupt.release();
    if (keep && isUp)
      terminal.say('Slipway keeps running: bin/slipway status shows it, bin/slipway stop ends it');
  }
}

module.exports = { demo };
