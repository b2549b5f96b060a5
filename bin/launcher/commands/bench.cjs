'use strict';

const path = require('node:path');

const { LauncherError } = require('../exit-codes.cjs');
const { runHere } = require('../foreground.cjs');
const { withTestServers } = require('../test-servers.cjs');
const { execute } = require('./product-cli.cjs');

const BENCHES = ['pipeline', 'outage', 'registry'];

/**
 * Runs a bench on servers of its own, beside whatever runs already.
 * @param {import('../context.cjs').Context} context
 * @param {{ rest: string[] }} options the name of the bench, then options that go to it
 */
async function bench(context, { rest: [name, ...options] }) {
  const { root } = context;
  if (!BENCHES.includes(name)) throw new LauncherError('usage', `bench takes ${BENCHES.join(', ')}`);
  const script = ['--require', 'tsx/cjs', path.join(root, 'bench', name, 'main.ts'), ...options];
  // Help needs nothing that has to be started.
  if (options.includes('--help') || options.includes('-h')) return execute(context, ['node', ...script]);
  return withTestServers(context, { build: true }, (env) =>
    runHere(env.SLIPWAY_NODE, script, { cwd: root, env }),
  );
}

module.exports = { bench };
