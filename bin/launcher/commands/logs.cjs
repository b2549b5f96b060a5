'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const { LauncherError } = require('../exit-codes.cjs');

const TAIL_LINES = 200;
const TAIL_BYTES = 64 * 1024;
const POLL_MS = 300;

/**
 * Prints the end of a part's log, or of all of them; `follow` goes on until Ctrl-C.
 * @param {import('../context.cjs').Context} context
 * @param {{ part?: string, follow?: boolean }} options
 */
async function logs({ layout }, { part, follow = false }) {
  const known = fs.existsSync(layout.logs)
    ? fs.readdirSync(layout.logs).filter((file) => file.endsWith('.log'))
    : [];
  const names = known.map((file) => file.slice(0, -'.log'.length)).sort();
  if (part && !names.includes(part)) {
    throw new LauncherError(
      'usage',
      `no log of "${part}" in ${layout.logs}, there are: ${names.join(', ') || 'none yet'}`,
    );
  }
  const watched = (part ? [part] : names).map((name) => ({
    name,
    file: path.join(layout.logs, `${name}.log`),
    offset: 0,
  }));
  for (const log of watched) printTail(log, !part);
  while (follow) {
    await sleep(POLL_MS);
    for (const log of watched) printNew(log, !part);
  }
  return 0;
}

function printTail(log, hasPrefix) {
  const size = fs.statSync(log.file).size;
  const text = read(log.file, Math.max(0, size - TAIL_BYTES), size);
  log.offset = size;
  print(
    log.name,
    text
      .split('\n')
      .slice(-TAIL_LINES - 1)
      .join('\n'),
    hasPrefix,
  );
}

function printNew(log, hasPrefix) {
  const size = fs.existsSync(log.file) ? fs.statSync(log.file).size : 0;
  if (size < log.offset) log.offset = 0; // It was set aside and begun anew.
  if (size === log.offset) return;
  const text = read(log.file, log.offset, size);
  // A line that is still being written waits for its end.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  log.offset += Buffer.byteLength(whole);
  print(log.name, whole, hasPrefix);
}

function print(name, text, hasPrefix) {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length > 0)
    process.stdout.write(`${lines.map((line) => (hasPrefix ? `${name} | ${line}` : line)).join('\n')}\n`);
}

function read(file, from, to) {
  const bytes = Buffer.alloc(to - from);
  const handle = fs.openSync(file, 'r');
  try {
    const count = fs.readSync(handle, bytes, 0, bytes.length, from);
    return bytes.subarray(0, count).toString('utf8');
  } finally {
    fs.closeSync(handle);
  }
}

module.exports = { logs };
