'use strict';

const fs = require('node:fs');
const path = require('node:path');

const LIMIT_BYTES = 20 * 1024 * 1024;

/** Opens the log of a part for appending. */
function openLog(folder, name) {
  const file = path.join(folder, `${name}.log`);
  setAsideIfLarge(file);
  return fs.openSync(file, 'a', 0o600);
}

/** Keeps every log of a folder below its limit, with one predecessor each, while processes write on. */
function boundLogs(folder, limitBytes = LIMIT_BYTES) {
  for (const name of fs.readdirSync(folder)) {
    if (name.endsWith('.log')) setAsideIfLarge(path.join(folder, name), limitBytes);
  }
}

/**
 * Copied and emptied rather than renamed: the process that writes keeps its file open, and appends at the new end. What it wrote
 * during the copy is fetched after it, so that only a line of that very instant could be missed.
 */
function setAsideIfLarge(file, limitBytes = LIMIT_BYTES) {
  const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= limitBytes) return;
  try {
    fs.copyFileSync(file, `${file}.1`);
    appendFrom(file, `${file}.1`);
  } catch {
    fs.rmSync(`${file}.1`, { force: true }); // A full disk: better no predecessor than no room.
  }
  fs.truncateSync(file);
}

function appendFrom(file, copy) {
  const from = fs.statSync(copy).size;
  const rest = Buffer.alloc(Math.max(0, fs.statSync(file).size - from));
  const handle = fs.openSync(file, 'r');
  try {
    fs.appendFileSync(copy, rest.subarray(0, fs.readSync(handle, rest, 0, rest.length, from)));
  } finally {
    fs.closeSync(handle);
  }
}

module.exports = { openLog, boundLogs };
