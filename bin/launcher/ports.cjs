'use strict';

const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const { capture } = require('./child-process.cjs');
const { listProcesses, readJson, writeJson } = require('./pid-records.cjs');

/**
 * Whether this process could listen there right now.
 * @param {number} port
 * @param {string} [host]
 * @returns {Promise<boolean>}
 */
function isFree(port, host = '127.0.0.1') {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port that nobody listens on at this moment, chosen by the system. */
function anyFreePort(host = '127.0.0.1') {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen({ port: 0, host }, () => {
      const { port } = /** @type {net.AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/**
 * One port per name: the wanted one where it is free and nobody else's, else the next that is.
 * @template {string} Name
 * @param {Record<Name, number>} wanted
 * @param {Set<number>} avoid ports that belong to other installations, running or not
 * @returns {Promise<Record<Name, number>>}
 */
async function choosePorts(wanted, avoid = new Set(), isPortFree = isFree) {
  const taken = new Set(avoid);
  const chosen = /** @type {Record<Name, number>} */ ({});
  for (const name of /** @type {Name[]} */ (Object.keys(wanted))) {
    let port = wanted[name];
    while (taken.has(port) || !(await isPortFree(port))) port += 1;
    if (port > 65535) throw new Error(`no free port above ${wanted[name]}`);
    taken.add(port);
    chosen[name] = port;
  }
  return chosen;
}

/**
 * Ports that other installations of this user keep. Installations that were deleted are forgotten.
 * @param {string} cache
 * @param {string} home
 */
function portsOfOthers(cache, home) {
  const known = Object.assign({}, ...registries(cache).map((file) => readJson(file)));
  const others = Object.entries(known).filter(([folder]) => folder !== home && fs.existsSync(folder));
  return new Set(others.flatMap(([, ports]) => ports));
}

/** Notes the ports of this installation in the cache, or in the temporary folder where the cache cannot be written. */
function reservePorts(cache, home, ports) {
  for (const file of registries(cache)) {
    try {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      const known = Object.entries(readJson(file) ?? {}).filter(([folder]) => fs.existsSync(folder));
      writeJson(file, { ...Object.fromEntries(known), [home]: ports });
      return;
    } catch {
      // The next place; where none takes it, two installations may choose alike, which the later start reports.
    }
  }
}

function registries(cache) {
  const user = typeof process.getuid === 'function' ? process.getuid() : 0;
  return [path.join(cache, 'ports.json'), path.join(os.tmpdir(), `slipway-${user}-ports.json`)];
}

/** Who listens on a port, for a message: `node (process 4711)`, or a plain `another process`. */
async function holderOf(port) {
  const { code, stdout } = await capture('ss', ['-Hltnp', `sport = :${port}`], { timeoutMs: 2000 });
  const match = code === 0 && /\("([^"]+)",pid=(\d+)/.exec(stdout);
  if (!match) return 'another process';
  // The kernel's name of it may be that of a thread.
  const found = listProcesses().find(({ pid }) => pid === Number(match[2]));
  const name = path.basename(found?.commandLine.split(' ')[0] ?? '') || match[1];
  return `${name} (process ${match[2]})`;
}

module.exports = { isFree, anyFreePort, choosePorts, portsOfOthers, reservePorts, holderOf };
