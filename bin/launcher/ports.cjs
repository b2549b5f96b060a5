'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');

const { capture } = require('./child-process.cjs');
const { readJson, writeJson } = require('./pid-records.cjs');

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
  const known = readJson(path.join(cache, 'ports.json')) ?? {};
  const others = Object.entries(known).filter(([folder]) => folder !== home && fs.existsSync(folder));
  return new Set(others.flatMap(([, ports]) => ports));
}

/** Notes the ports of this installation; a cache that cannot be written only costs the courtesy. */
function reservePorts(cache, home, ports) {
  try {
    fs.mkdirSync(cache, { recursive: true });
    const file = path.join(cache, 'ports.json');
    const known = Object.entries(readJson(file) ?? {}).filter(([folder]) => fs.existsSync(folder));
    writeJson(file, { ...Object.fromEntries(known), [home]: ports });
  } catch {
    // Read-only cache: two installations may then choose alike, which the later start reports.
  }
}

/** Who listens on a port, for a message: `node (process 4711)`, or a plain `another process`. */
async function holderOf(port) {
  const { code, stdout } = await capture('ss', ['-Hltnp', `sport = :${port}`], { timeoutMs: 2000 });
  const match = code === 0 && /\("([^"]+)",pid=(\d+)/.exec(stdout);
  return match ? `${match[1]} (process ${match[2]})` : 'another process';
}

module.exports = { isFree, anyFreePort, choosePorts, portsOfOthers, reservePorts, holderOf };
