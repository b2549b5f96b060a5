'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const { refuseIfCancelled } = require('./cancellation.cjs');
const { isSameProcess, startTimeOf } = require('./pid-records.cjs');

/**
 * Runs `work` while nobody else who asks for the same file does. A lock whose owner is dead is taken over.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @param {{ onWait?: (pid: number) => void, pollMs?: number }} [options]
 * @returns {Promise<T>}
 */
async function withLock(file, work, { onWait, pollMs = 200 } = {}) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  let hasWaited = false;
  for (;;) {
    const holder = tryLock(file);
    if (!holder) break;
    if (!hasWaited) onWait?.(holder.pid);
    hasWaited = true;
    refuseIfCancelled();
    await sleep(pollMs);
  }
  try {
    return await work();
  } finally {
    fs.rmSync(file, { force: true });
  }
}

/**
 * Takes the lock, or answers who holds it.
 * @param {string} file
 * @returns {{ pid: number, startTime: string } | undefined}
 */
function tryLock(file) {
  const own = { pid: process.pid, startTime: startTimeOf(process.pid) };
  // A link appears with its content in one step, so nobody reads a lock that is still empty.
  const draft = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  fs.writeFileSync(draft, JSON.stringify(own));
  try {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        fs.linkSync(draft, file);
        return undefined;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const holder = readHolder(file);
      if (holder && isSameProcess(holder)) return holder;
      removeStale(file, holder);
    }
    return readHolder(file) ?? { pid: 0, startTime: '' };
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

/** Moves the stale file aside first, so that of two who found it stale only one removes it and no fresh lock is lost. */
function removeStale(file, stale) {
  const aside = `${file}.stale.${process.pid}`;
  try {
    fs.renameSync(file, aside);
  } catch {
    return; // Somebody else was quicker.
  }
  const moved = readHolder(aside);
  if (
    moved &&
    (!stale || moved.pid !== stale.pid || moved.startTime !== stale.startTime) &&
    isSameProcess(moved)
  ) {
    try {
      fs.linkSync(aside, file);
    } catch {
      // A third one holds it by now; the owner of the moved one works on without it.
    }
  }
  fs.rmSync(aside, { force: true });
}

function readHolder(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

module.exports = { withLock, tryLock };
