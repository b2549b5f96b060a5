'use strict';

const fs = require('node:fs');

const { makeHome } = require('../context.cjs');
const { LauncherError } = require('../exit-codes.cjs');
const { listenForInterrupt } = require('../interrupt.cjs');
const { tryLock } = require('../lock-file.cjs');
const { checkConfig } = require('../parts/config-check.cjs');
const { recoverFromCrash } = require('../parts/orphans.cjs');
const { Supervisor } = require('../parts/supervisor.cjs');
const { readJson, writeJson } = require('../pid-records.cjs');
const { seconds } = require('../terminal.cjs');
const { environmentOn, needNode, needProduct } = require('../prepare.cjs');
const { loadConfig, startEmbedded, startInfrastructure, startOwnProcesses } = require('./start-product.cjs');

/**
 * Runs the product in the foreground until Ctrl-C.
 * @param {import('../context.cjs').Context} context
 * @param {{ parts?: string }} options `parts`: a JSON file with other processes to supervise in place of the product's
 */
async function start(context, options) {
  const { layout, terminal } = context;
  const since = Date.now();
  makeHome(layout);
  refuseSecond(layout);
  const run = { context, supervisor: undefined, cleanUps: [] };
  const interrupt = listenForInterrupt({
    onFirst: () => run.supervisor?.giveUp(),
    onSecond: () => run.supervisor?.killAll(),
  });
  try {
    const summary = await interrupt.unlessInterrupted(() =>
      options.parts ? startParts(run, options.parts) : startProduct(run),
    );
    publish(run, summary);
    terminal.say(table(summary, Date.now() - since));
    await interrupt.requested;
    terminal.say('stopping');
  } finally {
    await run.supervisor?.stop();
    for (const cleanUp of run.cleanUps) await cleanUp();
    fs.rmSync(layout.state, { force: true });
    fs.rmSync(layout.launcher, { force: true });
  }
  return 0;
}

/** One launcher per data folder; the lock of a dead one counts for nothing. */
function refuseSecond(layout) {
  const holder = tryLock(layout.launcher);
  if (!holder) return;
  const state = readJson(layout.state);
  const how = state?.isReady ? state.url : 'still starting';
  throw new LauncherError(
    'alreadyRunning',
    `Slipway is already running in ${layout.home} (process ${holder.pid}${how ? `, ${how}` : ''}): stop it with bin/slipway stop, or set SLIPWAY_HOME for a second one`,
  );
}

async function startProduct(run) {
  const { context } = run;
  await recoverFromCrash(context);
  const config = await loadConfig(context);
  const node = await needNode(context);
  const env = processEnvironment(context, node);
  run.supervisor = createSupervisor(run, env);
  const infrastructure = await startInfrastructure(run, {
    config,
    prepareProduct: async () => {
      await needProduct(context, { node, build: 'when needed' });
      await checkConfig(context.machine, { node: node.bin, root: context.root, env });
    },
  });
  return startOwnProcesses(run, { config, node, env, infrastructure });
}

/** Other processes than the product's, with or without the real servers below them. */
async function startParts(run, file) {
  const { context } = run;
  const { parts, embedded = [] } = JSON.parse(fs.readFileSync(file, 'utf8'));
  await recoverFromCrash(context);
  run.supervisor = createSupervisor(run, processEnvironment(context, { bin: process.execPath }));
  if (embedded.length > 0) await startEmbedded(run, embedded);
  await run.supervisor.start(parts);
  return { facts: {}, rows: [['data', context.layout.home]] };
}

function createSupervisor(run, env) {
  const { layout, terminal, root } = run.context;
  return new Supervisor({ layout, terminal, cwd: root, env, onChange: () => publish(run) });
}

function processEnvironment(context, node) {
  const { layout } = context;
  return {
    ...environmentOn(context, node),
    SLIPWAY_CONFIG: layout.config,
    SLIPWAY_HOME: layout.home,
    NODE_ENV: 'production',
    // Shared by file access, DNS and password hashes: the default of four lets a few slow writes block pulls.
    UV_THREADPOOL_SIZE: context.machine.env.UV_THREADPOOL_SIZE ?? '16',
  };
}

/** What `status` and scripts read; rewritten whenever a part changes. */
function publish(run, summary) {
  if (summary) run.summary = summary;
  const { layout } = run.context;
  if (!fs.existsSync(layout.run)) return;
  const state = {
    pid: process.pid,
    isReady: Boolean(run.summary),
    home: layout.home,
    ...run.summary?.facts,
    parts: run.supervisor?.describe() ?? [],
  };
  try {
    writeJson(layout.state, state);
  } catch {
    // A full disk makes `status` old; it must not end the launcher, which would leave all parts alone.
  }
}

function table(summary, tookMs) {
  const width = Math.max(...summary.rows.map(([name]) => name.length)) + 3;
  const rows = summary.rows.map(([name, value]) => `  ${name.padEnd(width)}${value}`);
  const title = `Slipway is ready (${seconds(tookMs)})`;
  return [
    '',
    title,
    '',
    ...rows,
    '',
    '  Ctrl-C stops it. More: bin/slipway status, logs, doctor, --help',
    '',
  ].join('\n');
}

module.exports = { start, processEnvironment };
