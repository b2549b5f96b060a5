'use strict';

const dns = require('node:dns/promises');
const net = require('node:net');

const { plainReason } = require('../child-process.cjs');

const PROBE_MS = 4000;
const SECURE_PORT = 443;

/**
 * Options of an npm command that fetches: npm waits minutes for a registry that is out of reach, so it is told to use its cache alone then.
 * @param {import('../machine.cjs').Machine} machine
 * @param {string} cwd whose .npmrc counts
 * @returns {Promise<string[]>}
 */
async function fetchOptions(machine, cwd) {
  const common = ['--no-audit', '--no-fund'];
  if (!(await isRegistryInReach(machine, cwd))) return [...common, '--offline'];
  return [...common, '--prefer-offline', '--fetch-retry-mintimeout=1000', '--fetch-retry-factor=3'];
}

async function isRegistryInReach(machine, cwd) {
  const { code, stdout } = await machine.capture('npm', ['config', 'list', '--json'], {
    cwd,
    timeoutMs: 20_000,
  });
  if (code !== 0) return true; // Let npm itself say what is wrong.
  const config = JSON.parse(stdout);
  const { env } = machine;
  const proxy = config['https-proxy'] || config.proxy || env.HTTPS_PROXY || env.https_proxy;
  return canConnect(proxy || config.registry);
}

/** @param {string} address */
async function canConnect(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return true;
  }
  const port = Number(url.port || (url.protocol === 'http:' ? 80 : SECURE_PORT));
  const deadline = new Promise((resolve) => setTimeout(() => resolve(false), PROBE_MS).unref());
  return Promise.race([deadline, tryConnect(url.hostname, port)]);
}

async function tryConnect(hostname, port) {
  try {
    const { address } = await dns.lookup(hostname.replace(/^\[|\]$/g, ''));
    return await new Promise((resolve) => {
      const socket = net.connect({ host: address, port, timeout: PROBE_MS });
      const finish = (isThere) => {
        socket.destroy();
        resolve(isThere);
      };
      socket.once('connect', () => finish(true));
      socket.once('timeout', () => finish(false));
      socket.once('error', () => finish(false));
    });
  } catch {
    return false;
  }
}

/**
 * Why npm failed, from its own errors.
 * @param {string} output
 */
function npmReason(output) {
  const errors = output
    .split('\n')
    .filter((line) => /^npm (ERR!|error)/.test(line) && !/complete log/.test(line))
    .slice(0, 8);
  const why = plainReason(errors.join('\n') || output);
  return why.startsWith('npm')
    ? errors
        .map((line) => line.replace(/^npm (ERR!|error) */, ''))
        .join(' ')
        .slice(0, 200)
    : why;
}

module.exports = { fetchOptions, npmReason };
