'use strict';

const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');

const { groupLeftovers, isSameProcess, readRecords, removeRecord, signalTo } = require('../pid-records.cjs');
const { cleanUpDocker } = require('./private-docker.cjs');

// Workers hand their builds over first, see the parts' own times.
const GRACE_MS = 60_000;
const POLL_MS = 100;

/**
 * Stops what an earlier launcher of this installation started and could not stop (it was killed). Only recorded processes whose start
 * time still fits, and what is left of their groups.
 * @param {string} folder
 * @param {import('../terminal.cjs').Terminal} terminal
 * @returns {Promise<string[]>} names of what was stopped
 */
async function stopOrphans(folder, terminal, { graceMs = GRACE_MS } = {}) {
  const records = readRecords(folder);
  const living = records.filter((record) => isSameProcess(record) || groupLeftovers(record).length > 0);
  if (living.length > 0) {
    const names = living.map((record) => record.name).join(', ');
    await terminal.step(`stopping what an earlier run left behind (${names})`, async () => {
      for (const record of living) if (isSameProcess(record)) signalTo(record.pid, 'SIGTERM');
      await waitUntilGone(living, graceMs);
      for (const record of living) if (isSameProcess(record)) signalTo(-record.pid, 'SIGKILL');
      for (const record of living) for (const pid of groupLeftovers(record)) signalTo(pid, 'SIGKILL');
      await waitUntilGone(living, graceMs);
    });
  }
  for (const record of records) removeRecord(folder, record.name);
  return living.map((record) => record.name);
}

/**
 * Puts in order what a killed launcher left of this installation: processes, and the containers and network of its engine.
 * @param {import('../context.cjs').Context} context
 * @returns {Promise<string[]>}
 */
async function recoverFromCrash({ layout, machine, terminal }) {
  const stopped = await stopOrphans(layout.run, terminal);
  if (machine.isRoot && fs.existsSync(layout.docker))
    await cleanUpDocker(machine, { folder: layout.docker, id: layout.id });
  return stopped;
}

async function waitUntilGone(records, timeoutMs) {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline && records.some(isSameProcess)) await sleep(POLL_MS);
}

module.exports = { stopOrphans, recoverFromCrash };
