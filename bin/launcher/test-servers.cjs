'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { listenForInterrupt } = require('./interrupt.cjs');
const { cleanUpDocker, privateDocker } = require('./parts/private-docker.cjs');
const { Supervisor } = require('./parts/supervisor.cjs');
const {
  environmentOn,
  findDocker,
  needDatabase,
  needNode,
  needProduct,
  needTemporalCli,
} = require('./prepare.cjs');

/** What tests call besides the product's own servers, with the Debian package of each. */
const TEST_COMMANDS = {
  git: 'git',
  curl: 'curl',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  skopeo: 'skopeo',
  debootstrap: 'debootstrap',
  nginx: 'nginx-light',
};

/**
 * Gets everything that tests and benches need, runs `work` in an environment that names it, and ends what was started.
 * @template T
 * @param {import('./context.cjs').Context} context
 * @param {{ build: boolean }} options `build` builds dist/ where it is not up to date
 * @param {(env: NodeJS.ProcessEnv, unlessInterrupted: <R>(step: () => Promise<R>) => Promise<R>) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function withTestServers(context, options, work) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'slipway-test-'));
  const run = { context, folder, supervisor: undefined, cleanUps: [] };
  const interrupt = listenForInterrupt({
    onFirst: () => run.supervisor?.giveUp(),
    onSecond: () => run.supervisor?.killAll(),
  });
  try {
    const env = await interrupt.unlessInterrupted(() => prepareServers(run, options));
    return await work(env, interrupt.unlessInterrupted);
  } finally {
    await run.supervisor?.stop();
    for (const cleanUp of run.cleanUps) await cleanUp();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Tools, packages, and a Docker engine that is not the running product's. */
async function prepareServers(run, { build }) {
  const { context } = run;
  const node = await needNode(context);
  await context.packages.ensureCommands(TEST_COMMANDS, 'the tests use them');
  const temporal = await needTemporalCli(context);
  const database = await needDatabase(context, {});
  await needProduct(context, { node, build });
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

module.exports = { TEST_COMMANDS, withTestServers };
