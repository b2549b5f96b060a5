'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { lastLines } = require('../child-process.cjs');
const { LauncherError } = require('../exit-codes.cjs');
const { runHere } = require('../foreground.cjs');
const { listenForInterrupt } = require('../interrupt.cjs');
const { cleanUpDocker, privateDocker } = require('../parts/private-docker.cjs');
const { Supervisor } = require('../parts/supervisor.cjs');
const {
  environmentOn,
  findDocker,
  needDatabase,
  needNode,
  needProduct,
  needTemporalCli,
} = require('../prepare.cjs');
const { seconds } = require('../terminal.cjs');
const { runScript } = require('../tools/product-build.cjs');

/** What tests call besides the product's own servers, with the Debian package of each. */
const TEST_COMMANDS = {
  git: 'git',
  curl: 'curl',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  skopeo: 'skopeo',
  debootstrap: 'debootstrap',
};

const ALL_TESTS = 'test/**/*.test.ts';

const CHECKS = ['lint', 'typecheck', 'build:dist'];

/**
 * Gets everything that tests need, then runs the checks and every test beside whatever runs already.
 * @param {import('../context.cjs').Context} context
 * @param {{ rest: string[] }} options `rest` goes to mocha
 */
async function test(context, { rest }) {
  const { terminal } = context;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'slipway-test-'));
  const run = { context, folder, supervisor: undefined, cleanUps: [] };
  const interrupt = listenForInterrupt({ onSecond: () => run.supervisor?.killAll() });
  let result;
  try {
    const env = await interrupt.unlessInterrupted(prepareTests(run));
    const failed = await interrupt.unlessInterrupted(runChecks(context, env));
    const { passes, failures, code } = await runMocha(context, env, rest);
    if (code !== 0 && failures === 0) failed.push(`mocha ended with code ${code}`);
    result = { passes, failures: failures + failed.length, failed };
  } finally {
    await run.supervisor?.stop();
    for (const cleanUp of run.cleanUps) await cleanUp();
    fs.rmSync(folder, { recursive: true, force: true });
  }
  for (const name of result.failed) terminal.say(`failed: ${name}`);
  terminal.say(`${result.passes} passed, ${result.failures} failed`);
  return result.failures === 0 ? 0 : 1;
}

/** Tools, packages, and a Docker engine that is not the running product's. */
async function prepareTests(run) {
  const { context } = run;
  const node = await needNode(context);
  await context.packages.ensureCommands(TEST_COMMANDS, 'the tests use them');
  const temporal = await needTemporalCli(context);
  const database = await needDatabase(context, {});
  await needProduct(context, { node, build: false });
  const env = environmentOn(context, node);
  // A configuration of the person who runs the tests must not reach them.
  for (const name of ['SLIPWAY_CONFIG', 'SLIPWAY_HOME', 'DATABASE_URL', 'TEMPORAL_ADDRESS', 'NODE_ENV'])
    delete env[name];
  const host = await dockerForTests(run, env);
  return {
    ...env,
    SLIPWAY_NODE: node.bin,
    SLIPWAY_TEMPORAL_BIN: temporal.bin,
    SLIPWAY_MARIADBD_BIN: database.bin ?? '',
    ...(host ? { SLIPWAY_DOCKER_HOST: host } : {}),
  };
}

async function dockerForTests(run, env) {
  const { context, folder } = run;
  const { machine, terminal, root } = context;
  const { engine, why } = await findDocker(context, { host: machine.env.DOCKER_HOST });
  if (engine?.host) return engine.host;
  if (!engine) {
    terminal.say(`tests that need a Docker engine are skipped: ${why}`);
    return undefined;
  }
  const place = { folder: path.join(folder, 'docker'), id: path.basename(folder).slice(-6) };
  const layout = { logs: path.join(folder, 'logs'), run: path.join(folder, 'run'), id: place.id };
  for (const made of [layout.logs, layout.run]) fs.mkdirSync(made, { recursive: true });
  run.supervisor = new Supervisor({ layout, terminal, cwd: root, env });
  run.cleanUps.push(() => cleanUpDocker(machine, place));
  const part = await privateDocker(machine, {
    ...place,
    ...engine,
    socket: path.join(folder, 'docker.sock'),
  });
  await run.supervisor.start([part]);
  return part.host;
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

module.exports = { TEST_COMMANDS, test, countTests };
