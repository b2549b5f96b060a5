'use strict';

const path = require('node:path');

const { lastLines } = require('../child-process.cjs');
const { LauncherError } = require('../exit-codes.cjs');
const { runHere } = require('../foreground.cjs');
const { seconds } = require('../terminal.cjs');
const { withTestServers } = require('../test-servers.cjs');
const { runScript } = require('../tools/product-build.cjs');

const ALL_TESTS = 'test/**/*.test.ts';

const CHECKS = ['lint', 'typecheck', 'build:dist'];

/**
 * Gets everything that tests need, then runs the checks and every test beside whatever runs already.
 * @param {import('../context.cjs').Context} context
 * @param {{ rest: string[] }} options `rest` goes to mocha
 */
async function test(context, { rest }) {
  const { terminal } = context;
  const result = await withTestServers(context, { build: false }, async (env, unlessInterrupted) => {
    const failed = await unlessInterrupted(() => runChecks(context, env));
    const { passes, failures, code } = await runMocha(context, env, rest);
    if (code !== 0 && failures === 0) failed.push(`mocha ended with code ${code}`);
    return { passes, failures: failures + failed.length, failed };
  });
  for (const name of result.failed) terminal.say(`failed: ${name}`);
  terminal.say(`${result.passes} passed, ${result.failures} failed`);
  return result.failures === 0 ? 0 : 1;
}

/** @returns {Promise<string[]>} the checks that failed */
async function runChecks({ machine, terminal, root }, env) {
  const failed = [];
  for (const name of CHECKS) {
    try {
      await terminal.step(name, () => runCheck(machine, name, { root, env }));
    } catch (error) {
      terminal.say(error.message);
      failed.push(name);
    }
  }
  return failed;
}

async function runCheck(machine, name, { root, env }) {
  const { code, output } = await runScript(machine, name, { root, env });
  if (code !== 0) throw new Error(lastLines(output, 100));
}

/** Everything, unless the arguments name test files. */
function filesToTest(rest) {
  return rest.some((argument) => /\.ts$/.test(argument)) ? [] : [ALL_TESTS];
}

async function runMocha({ machine, terminal, root }, env, rest) {
  const mocha = path.join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
  if (!machine.exists(mocha))
    throw new LauncherError('packages', 'mocha is not installed: remove node_modules and try again');
  const colour = process.stdout.isTTY ? ['--color'] : [];
  let tail = '';
  const since = Date.now();
  const code = await runHere(env.SLIPWAY_NODE, [mocha, ...colour, ...rest, ...filesToTest(rest)], {
    cwd: root,
    env,
    onOutput: (chunk) => (tail = (tail + chunk).slice(-1_000_000)),
  });
  terminal.say(`mocha took ${seconds(Date.now() - since)}`);
  return { ...countTests(tail), code };
}

/**
 * The numbers of mocha's own summary.
 * @param {string} output
 */
function countTests(output) {
  // eslint-disable-next-line no-control-regex
  const plain = output.replace(/\x1b\[[0-9;]*m/g, '');
  const last = (pattern) => Number([...plain.matchAll(pattern)].pop()?.[1] ?? 0);
  return { passes: last(/^\s+(\d+) passing\b/gm), failures: last(/^\s+(\d+) failing\b/gm) };
}

module.exports = { test, countTests };
