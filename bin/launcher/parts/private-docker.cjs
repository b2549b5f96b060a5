'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { lastLines } = require('../child-process.cjs');
const { LauncherError } = require('../exit-codes.cjs');
const { listProcesses, signalTo } = require('../pid-records.cjs');
const { rememberForwarding, restoreForwarding } = require('./forwarding.cjs');

/**
 * A Docker engine of our own: own data, own socket, own bridge, so that it stands beside any other one.
 * @param {import('../machine.cjs').Machine} machine
 * @param {{ folder: string, socket: string, id: string, dockerd: string, version: string, log?: string }} engine
 * @returns {Promise<import('./supervisor.cjs').Part & { host: string }>}
 */
async function privateDocker(machine, { folder, socket, id, dockerd, version }) {
  const bridge = bridgeName(id);
  fs.mkdirSync(folder, { recursive: true });
  await rememberForwarding(machine, folder);
  await ensureBridge(machine, bridge);
  fs.mkdirSync(path.dirname(socket), { recursive: true, mode: 0o700 });
  const command = [
    dockerd,
    '--host',
    `unix://${socket}`,
    '--data-root',
    path.join(folder, 'data'),
    '--exec-root',
    execRoot(folder, id),
    '--pidfile',
    path.join(folder, 'docker.pid'),
    '--bridge',
    bridge,
    '--config-file',
    ownConfigFile(folder),
  ];
  return {
    name: 'docker',
    level: 0,
    command,
    host: `unix://${socket}`,
    beforeStart: () => forgetCrash(folder, id),
    ready: { type: 'docker', host: `unix://${socket}` },
    stopTimeoutMs: 30_000,
    version,
  };
}

/**
 * After a crash dockerd would wait for the containerd that its record names, and refuse to start while its own pid file names any living
 * process, be it a stranger.
 */
async function forgetCrash(folder, id) {
  const record = path.join(execRoot(folder, id), 'containerd', 'containerd.pid');
  if (fs.existsSync(record)) {
    const pid = fs.readFileSync(record, 'utf8').trim();
    const commandLine = `/proc/${pid}/cmdline`;
    if (fs.existsSync(commandLine) && fs.readFileSync(commandLine, 'utf8').includes(execRoot(folder, id))) {
      signalTo(Number(pid), 'SIGKILL');
    }
  }
  for (const file of [record, path.join(folder, 'docker.pid')]) fs.rmSync(file, { force: true });
}

/** Without a file of its own the daemon would read the system's /etc/docker/daemon.json. */
function ownConfigFile(folder) {
  const file = path.join(folder, 'daemon.json');
  if (!fs.existsSync(file)) fs.writeFileSync(file, '{}\n');
  return file;
}

// containerd puts sockets below it: the path must stay short.
function execRoot(folder, id) {
  const wanted = path.join(folder, 'exec');
  return wanted.length <= 60 ? wanted : path.join(os.tmpdir(), `slipway-${id}`, 'docker-exec');
}

const bridgeName = (id) => `slw${id}`;

async function ensureBridge(machine, bridge) {
  if (fs.existsSync(`/sys/class/net/${bridge}`)) return;
  const ip = (...args) => machine.capture('ip', args, { timeoutMs: 10_000 });
  const subnet = await freeSubnet(machine);
  for (const args of [
    ['link', 'add', bridge, 'type', 'bridge'],
    ['addr', 'add', `${subnet}.1/24`, 'dev', bridge],
    ['link', 'set', bridge, 'up'],
  ]) {
    const { code, output } = await ip(...args);
    if (code === 0) continue;
    await ip('link', 'del', bridge);
    throw new LauncherError('docker', `a network bridge could not be made (${lastLines(output)})`);
  }
}

async function freeSubnet(machine) {
  const { stdout } = await machine.capture('ip', ['-4', 'route', 'show', 'table', 'all'], {
    timeoutMs: 10_000,
  });
  for (let third = 0; third < 256; third++) {
    const subnet = `10.213.${third}`;
    if (!stdout.includes(`${subnet}.`)) return subnet;
  }
  throw new LauncherError('docker', 'no free network for a bridge in 10.213.0.0/16');
}

/**
 * Takes away what a stopped engine leaves in the system: the bridge, the packet filter's rules for it, its mounts.
 * @param {import('../machine.cjs').Machine} machine
 * @param {{ folder: string, id: string }} engine
 */
async function cleanUpDocker(machine, { folder, id }) {
  const bridge = bridgeName(id);
  killContainers(execRoot(folder, id));
  for (const table of ['filter', 'nat']) {
    const { code, stdout } = await machine.capture('iptables-save', ['-t', table], { timeoutMs: 10_000 });
    if (code !== 0) continue;
    for (const rule of stdout
      .split('\n')
      .filter((line) => line.startsWith('-A') && line.split(' ').includes(bridge))) {
      await machine.capture('iptables', ['-w', '-t', table, ...rule.replace('-A', '-D').split(' ')], {
        timeoutMs: 10_000,
      });
    }
  }
  if (fs.existsSync(`/sys/class/net/${bridge}`))
    await machine.capture('ip', ['link', 'del', bridge], { timeoutMs: 10_000 });
  await restoreForwarding(machine, folder);
  await unmountBelow(machine, [path.join(folder, 'data'), execRoot(folder, id)]);
}

/** Containers of an engine that was killed run on below their shims, which name its socket. */
function killContainers(engineFolder) {
  const processes = listProcesses();
  const isShim = ({ commandLine }) =>
    commandLine.includes('containerd-shim') && commandLine.includes(`${engineFolder}/`);
  const doomed = processes.filter(isShim).map(({ pid }) => pid);
  for (const pid of doomed) {
    signalTo(pid, 'SIGKILL');
    // The list grows while it is walked: children of children too.
    for (const process of processes) if (process.parent === pid) doomed.push(process.pid);
  }
}

async function unmountBelow(machine, folders) {
  const table = '/proc/self/mounts';
  if (!fs.existsSync(table)) return;
  const mounts = fs.readFileSync(table, 'utf8');
  const points = mounts.split('\n').map((line) => (line.split(' ')[1] ?? '').replace(/\\040/g, ' '));
  for (const point of points.reverse()) {
    if (folders.some((folder) => point === folder || point.startsWith(`${folder}/`)))
      await machine.capture('umount', ['-l', point], { timeoutMs: 10_000 });
  }
}

module.exports = { privateDocker, cleanUpDocker };
