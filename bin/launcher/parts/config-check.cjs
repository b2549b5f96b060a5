'use strict';

const { LauncherError } = require('../exit-codes.cjs');

const CHECK = `
try { require('./dist/config/load.js').loadConfig(); }
catch (error) { console.error(error.problems ? error.problems.join('; ') : error.message); process.exitCode = 1; }`;

/**
 * Lets the built product read its configuration before anything is started with it.
 * @param {import('../machine.cjs').Machine} machine
 * @param {{ node: string, root: string, env: NodeJS.ProcessEnv }} options
 */
async function checkConfig(machine, { node, root, env }) {
  const { code, output } = await machine.capture(node, ['-e', CHECK], { cwd: root, env });
  if (code === 0) return;
  throw new LauncherError('config', `${env.SLIPWAY_CONFIG}: ${output.trim()}: mend it, then start again`);
}

module.exports = { checkConfig };
