'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const { EXIT_CODES, LauncherError } = require('../exit-codes.cjs');
const { recoverFromCrash } = require('../parts/orphans.cjs');
const { isSameProcess } = require('../pid-records.cjs');
const { runningLauncher } = require('./running.cjs');

// Longer than all levels together may take.
const TIMEOUT_MS = 240_000;

/**
 * Stops the product of this data folder, or what a killed launcher left of it.
 * @param {import('../context.cjs').Context} context
 */
async function stop(context) {
  const { layout, terminal } = context;
  const launcher = runningLauncher(layout);
  if (!launcher) {
    const orphans = await recoverFromCrash(context);
    if (orphans.length > 0) return 0;
    terminal.say(`Slipway is not running in ${layout.home}`);
    return EXIT_CODES.notRunning[0];
  }
  await terminal.step('stopping', async () => {
    process.kill(launcher.pid, 'SIGTERM');
    const deadline = Date.now() + TIMEOUT_MS;
    while (isSameProcess(launcher)) {
      if (Date.now() > deadline)
        throw new LauncherError('unexpected', `process ${launcher.pid} does not stop: see ${layout.logs}`);
      await sleep(100);
    }
  });
  return 0;
}

module.exports = { stop };
