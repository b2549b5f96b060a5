'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { LauncherError } = require('./exit-codes.cjs');

/**
 * Makes a folder and tries to write into it; answers the code of what stands against it (EROFS, EACCES, ENOSPC …).
 * @param {string} folder
 * @returns {string | undefined}
 */
function whyNotWritable(folder) {
  try {
    fs.mkdirSync(folder, { recursive: true });
    const trial = path.join(folder, `.write-test-${process.pid}`);
    fs.writeFileSync(trial, 'x');
    fs.rmSync(trial);
    return undefined;
  } catch (error) {
    return codeOfNearest(folder) ?? error.code;
  }
}

/** Making folders on a read-only disk is reported as ENOENT; what is there already tells the truth. */
function codeOfNearest(folder) {
  let nearest = folder;
  while (!fs.existsSync(nearest)) nearest = path.dirname(nearest);
  try {
    fs.accessSync(nearest, fs.constants.W_OK);
    return undefined;
  } catch (error) {
    return error.code;
  }
}

/** Locks, sockets and the tools that are called lie in the temporary folder; none of them says so as plainly. */
function assertTemporary() {
  const folder = os.tmpdir();
  const why = fs.existsSync(folder) ? whyNotWritable(folder) : 'it does not exist';
  if (!why) return;
  throw new LauncherError(
    'temporary',
    `the temporary folder ${folder} cannot be written (${why}): make room in it or set TMPDIR to another`,
  );
}

module.exports = { whyNotWritable, assertTemporary };
