'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { capture } = require('./child-process.cjs');
const { cacheFolder } = require('./layout.cjs');

// Servers often lie outside the PATH of an ordinary user.
const SERVER_FOLDERS = [
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/libexec',
  '/usr/local/mysql/bin',
  '/opt/homebrew/bin',
];

/**
 * What the searches may ask of this computer. Everything that touches it is in here, so that the order of a search can be
 * tested with an invented one.
 * @param {NodeJS.ProcessEnv} given
 */
function createMachine(given = process.env) {
  const env = withHome(given);
  const uid = typeof process.getuid === 'function' ? process.getuid() : -1;
  return {
    env,
    uid,
    isRoot: uid === 0,
    nodeVersion: process.version,
    nodePath: process.execPath,
    platform: process.platform,
    arch: process.arch,
    cache: cacheFolder(env),
    /** Debian and what descends from it: apt-get is there and it says so. */
    isDebian: fs.existsSync('/etc/debian_version') && Boolean(which('apt-get', env)),
    which: (/** @type {string} */ name) => which(name, env),
    exists: (/** @type {string} */ file) => fs.existsSync(file),
    /** @type {typeof capture} */
    capture: (command, args, options) => capture(command, args, { env, ...options }),
    hostname: os.hostname(),
  };
}

/** Go, git and Temporal's dev server hang or fail without HOME, as it is in some service managers and containers. */
function withHome(env) {
  if (env.HOME) return env;
  try {
    return { ...env, HOME: os.userInfo().homedir };
  } catch {
    // An account that the system does not know; the folders that need it then say so.
    return { ...env, HOME: '/' };
  }
}

function which(name, env) {
  for (const folder of [...(env.PATH || '').split(path.delimiter), ...SERVER_FOLDERS]) {
    if (!folder) continue;
    const file = path.join(folder, name);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      if (fs.statSync(file).isFile()) return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** @typedef {ReturnType<typeof createMachine>} Machine */

module.exports = { createMachine };
