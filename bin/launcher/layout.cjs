'use strict';

const crypto = require('node:crypto');
const os = require('node:os');
const path = require('node:path');

/** The checkout that this launcher belongs to. */
const ROOT = path.resolve(__dirname, '..', '..');

// Unix sockets must fit into 108 bytes (sun_path); a checkout may lie deeper than that.
const LONGEST_SOCKET_PATH = 100;

/**
 * Where everything of one installation lies. `SLIPWAY_HOME` moves it; the default is `.slipway` in the checkout.
 * @param {Record<string, string | undefined>} env
 */
function homeLayout(env, root = ROOT) {
  const home = path.resolve(env.SLIPWAY_HOME || path.join(root, '.slipway'));
  const id = crypto.createHash('sha256').update(home).digest('hex').slice(0, 8);
  const inHome = (/** @type {string[]} */ ...names) => path.join(home, ...names);
  return {
    home,
    /** Short and stable: names what must be unique on the machine (bridge, container, socket folder). */
    id,
    config: inHome('config.yaml'),
    adminPassword: inHome('admin-password'),
    mysql: inHome('mysql'),
    temporal: inHome('temporal'),
    storage: inHome('storage'),
    builds: inHome('builds'),
    mail: inHome('mail'),
    advisories: inHome('advisories'),
    docker: inHome('docker'),
    logs: inHome('logs'),
    run: inHome('run'),
    state: inHome('run', 'state.json'),
    launcher: inHome('run', 'launcher.json'),
    dockerSocket: socketPath(inHome('run', 'docker.sock'), id),
    databaseSocket: socketPath(inHome('mysql', 'server.sock'), id),
  };
}

/**
 * The wanted path, or a short one in the temporary folder where the wanted one is too long for a socket.
 * @param {string} wanted
 * @param {string} id
 * @returns {string}
 */
function socketPath(wanted, id) {
  if (Buffer.byteLength(wanted) <= LONGEST_SOCKET_PATH) return wanted;
  return path.join(os.tmpdir(), `slipway-${id}`, path.basename(wanted));
}

/**
 * What is downloaded or built once is kept per user.
 * @param {Record<string, string | undefined>} env
 */
function cacheFolder(env) {
  return path.join(env.XDG_CACHE_HOME || path.join(env.HOME || os.homedir(), '.cache'), 'slipway');
}

/** @typedef {ReturnType<typeof homeLayout>} Layout */

module.exports = { ROOT, homeLayout, cacheFolder };
