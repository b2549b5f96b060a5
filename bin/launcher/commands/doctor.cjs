'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { whyDiskIsFull } = require('../context.cjs');
const { EXIT_CODES } = require('../exit-codes.cjs');
const { databaseSteps } = require('../tools/database.cjs');
const { dockerSteps } = require('../tools/docker.cjs');
const { nodeSteps } = require('../tools/node.cjs');
const { packagesFit } = require('../tools/npm-packages.cjs');
const { isBuilt } = require('../tools/product-build.cjs');
const { reasons, searchInOrder } = require('../tools/search.cjs');
const { temporalSteps } = require('../tools/temporal.cjs');
const { configuredServers } = require('./configured.cjs');
const { productCli } = require('./product-cli.cjs');
const { runningLauncher } = require('./running.cjs');

/**
 * What was found, in which version, and what is missing; changes nothing.
 * @param {import('../context.cjs').Context} context
 */
async function doctor(context) {
  const { machine, terminal, packages, root, layout } = context;
  const { url, address, host } = configuredServers(context);
  const look = (steps) => searchInOrder(steps, { obtain: false });
  const docker = await look(dockerSteps(machine, { host, packages }));
  const engine = docker.found?.host ? { host: docker.found.host } : undefined;
  const rows = [
    ['launcher', { note: `Node ${machine.nodeVersion}, ${machine.platform} ${machine.arch}` }],
    ['Node', await look(nodeSteps(machine, terminal))],
    ['npm packages', packagesFit(root) ? { note: 'as the lockfile says' } : { would: 'run npm ci' }],
    ['product', isBuilt(root) ? { note: 'built from these sources' } : { would: 'build it' }],
    ['Temporal', await look(temporalSteps(machine, terminal, { address }))],
    ['database', await look(databaseSteps(machine, { url, docker: engine, packages }))],
    ['Docker', { ...docker, optional: true }],
    ...['git', 'ssh'].map((name) => [name, commandRow(machine, packages, name)]),
    ['data', { note: `${layout.home}${fs.existsSync(layout.config) ? '' : ' (not made yet)'}` }],
    ['disk', diskRow(layout)],
    ['cache', { note: machine.cache }],
    ['running', { note: runningLauncher(layout) ? 'yes' : 'no' }],
  ];
  for (const [name, result] of rows) terminal.say(`${symbol(result)} ${name.padEnd(14)}${describe(result)}`);
  const isSound = rows.every(([, result]) => result.optional || result.found || result.note || result.would);
  const inside = runningLauncher(layout)?.state.isReady ? await productCli(context, ['check']) : 0;
  return isSound && inside === 0 ? 0 : EXIT_CODES.unexpected[0];
}

function diskRow(layout) {
  const full = whyDiskIsFull(layout);
  if (full) return { problem: full };
  const nearest = fs.existsSync(layout.home) ? layout.home : path.dirname(layout.home);
  const { bavail, bsize } = fs.statfsSync(fs.existsSync(nearest) ? nearest : '/');
  return { note: `${((bavail * bsize) / 1024 ** 3).toFixed(1)} GiB free` };
}

function commandRow(machine, packages, name) {
  const bin = machine.which(name);
  if (bin) return { note: bin };
  return packages.possible
    ? { would: 'install its Debian package', optional: true }
    : { tried: [], optional: true };
}

function symbol({ found, note, would, optional }) {
  if (found || note) return '✓';
  if (would) return '+';
  return optional ? '-' : '✗';
}

function describe({ found, where, note, would, problem, tried = [] }) {
  if (problem) return problem;
  if (note) return note;
  if (found)
    return [
      found.version,
      found.bin ?? found.dockerd ?? found.host ?? found.address ?? hideSecret(found.url),
      `(${where})`,
    ]
      .filter(Boolean)
      .join(' ');
  if (would) return `missing; npm start would ${would}`;
  return `missing${tried.length > 0 ? `: ${reasons(tried)}` : ', builds need it'}`;
}

const hideSecret = (url) => url?.replace(/:[^:@/]*@/, ':…@');

module.exports = { doctor };
