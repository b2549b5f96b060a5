'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const crypto = require('node:crypto');

const { LauncherError } = require('./exit-codes.cjs');
const { assertTemporary, whyNotWritable } = require('./folders.cjs');
const { ROOT, homeLayout } = require('./layout.cjs');
const { createMachine } = require('./machine.cjs');
const { createSystemPackages } = require('./tools/system-packages.cjs');
const { createTerminal } = require('./terminal.cjs');

const NEEDED_BYTES = 500 * 1024 * 1024;

/**
 * What every command stands on.
 * @param {{ yes?: boolean, env?: NodeJS.ProcessEnv, out?: NodeJS.WriteStream }} [options]
 */
function createContext({ yes = false, env = process.env, out = process.stdout } = {}) {
  const machine = createMachine(env);
  const terminal = createTerminal({ out });
  return {
    root: ROOT,
    machine,
    terminal,
    layout: homeLayout(env),
    packages: createSystemPackages(machine, terminal, { assumeYes: yes }),
    /** Held while packages are installed or the product is built: one at a time in a checkout. */
    checkoutLock: path.join(
      os.tmpdir(),
      `slipway-${machine.uid}-${crypto.createHash('sha256').update(ROOT).digest('hex').slice(0, 12)}.lock`,
    ),
  };
}

/** @typedef {ReturnType<typeof createContext>} Context */

/**
 * Makes the data folder and what is in it; one sentence where that is impossible.
 * @param {import('./layout.cjs').Layout} layout
 */
function makeHome(layout) {
  assertTemporary();
  const why = whyNotWritable(layout.run);
  const full = whyDiskIsFull(layout);
  if (full) throw new LauncherError('diskFull', full);
  if (why)
    throw new LauncherError(
      'home',
      `the data folder ${layout.home} cannot be written (${why}): make it writable or set SLIPWAY_HOME`,
    );
  for (const folder of [layout.logs, layout.storage, layout.builds, layout.mail, layout.advisories]) {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  fs.chmodSync(layout.run, 0o700);
  // The account that serves the private database must get through to its own folder.
  fs.chmodSync(layout.home, 0o711);
}

/** What `start` refuses, and `status` and `doctor` tell of: too little room for the data. */
function whyDiskIsFull({ home }) {
  if (!fs.existsSync(home)) return undefined;
  const { bavail, bsize } = fs.statfsSync(home);
  if (bavail * bsize >= NEEDED_BYTES) return undefined;
  const free = Math.floor((bavail * bsize) / 1024 / 1024);
  return `only ${free} MiB are free for ${home}, Slipway needs ${NEEDED_BYTES / 1024 / 1024}: free some space or set SLIPWAY_HOME to another disk`;
}

module.exports = { createContext, makeHome, whyDiskIsFull };
