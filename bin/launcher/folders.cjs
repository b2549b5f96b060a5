'use strict';

const fs = require('node:fs');
const path = require('node:path');

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

module.exports = { whyNotWritable };
