'use strict';

const http = require('node:http');
const path = require('node:path');

const { LauncherError } = require('../exit-codes.cjs');

const ENGINE_PACKAGES = ['docker.io', 'iproute2', 'iptables'];
const PING_TIMEOUT_MS = 5000;

/**
 * Where to look for a Docker engine: a configured one, the usual sockets, a `dockerd` that root may start privately, a Debian package.
 * @param {import('../machine.cjs').Machine} machine
 * @param {{ host?: string, packages: import('./system-packages.cjs').SystemPackages, ping?: (host: string) => Promise<{ host: string, version: string } | undefined> }} context
 * @returns {import('./search.cjs').Step<{ host?: string, dockerd?: string, version: string }>[]}
 */
function dockerSteps(machine, { host, packages, ping = pingEngine }) {
  return [
    {
      where: 'DOCKER_HOST',
      find: async () => {
        if (!host) return 'not set';
        return (await ping(host)) ?? `no engine answers at ${host}`;
      },
    },
    ...usualSockets(machine).map((socket) => ({
      where: socket,
      find: async () => {
        if (!machine.exists(socket)) return 'nothing there';
        return (await ping(`unix://${socket}`)) ?? 'no engine answers';
      },
    })),
    { where: 'dockerd', applies: () => machine.isRoot, find: () => findDaemon(machine) },
    {
      where: 'Debian',
      obtains: `install the Debian packages ${ENGINE_PACKAGES.join(' ')} and start a private engine`,
      applies: () => packages.possible,
      find: async () => {
        try {
          await packages.install(ENGINE_PACKAGES, 'images are built by a Docker engine');
        } catch (error) {
          if (error instanceof LauncherError) return error.message;
          throw error;
        }
        return findDaemon(machine);
      },
    },
  ];
}

function usualSockets(machine) {
  const sockets = ['/var/run/docker.sock'];
  if (machine.env.XDG_RUNTIME_DIR) sockets.push(path.join(machine.env.XDG_RUNTIME_DIR, 'docker.sock'));
  if (machine.env.HOME) sockets.push(path.join(machine.env.HOME, '.docker', 'run', 'docker.sock'));
  return sockets;
}

/** A daemon that may be started privately; it needs `ip` for a bridge of its own. */
async function findDaemon(machine) {
  const bin = machine.which('dockerd');
  if (!bin) return 'no dockerd';
  if (!machine.which('ip') || !machine.which('iptables')) return 'ip or iptables is missing';
  const { code, stdout } = await machine.capture(bin, ['--version'], { timeoutMs: 10_000 });
  if (code !== 0) return `${bin} does not run here`;
  const version = (/version\s+([^\s,]+)/i.exec(stdout) ?? [])[1] ?? stdout.trim();
  return { dockerd: bin, version };
}

/**
 * Asks an engine for its version; undefined where none answers (or it wants TLS, which only its own clients speak).
 * @param {string} host `unix:///path` or `tcp://host:port`
 * @returns {Promise<{ host: string, version: string } | undefined>}
 */
function pingEngine(host) {
  return new Promise((resolve) => {
    const unix = /^unix:\/\/(.+)$/.exec(host);
    const tcp = /^(?:tcp|http):\/\/([^:/]+):(\d+)/.exec(host);
    if (!unix && !tcp) return resolve(undefined);
    const target = unix ? { socketPath: unix[1] } : { host: tcp[1], port: Number(tcp[2]) };
    const request = http.get({ ...target, path: '/version', timeout: PING_TIMEOUT_MS }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('error', () => resolve(undefined));
      response.on('end', () => resolve(readVersion(host, text)));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}

function readVersion(host, text) {
  try {
    const { Version: version } = JSON.parse(text);
    return version ? { host, version } : undefined;
  } catch {
    return undefined;
  }
}

module.exports = { dockerSteps, pingEngine };
