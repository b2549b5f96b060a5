'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/** Environment variable that marks every process of one run, so that its leftovers can be told from strangers. */
const RUN_MARK = 'SLIPWAY_RUN_ID';

/**
 * When a process started, as text that differs for every later process with the same id; empty when there is none.
 * @param {number} pid
 */
function startTimeOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name in parentheses may hold spaces: count fields after it. Field 3 is the state, 22 the start time.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return '';
    return `${bootId()}:${fields[19]}`;
  } catch (error) {
    if (fs.existsSync('/proc/self/stat') || error.code === 'EACCES') return '';
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
}

function bootId() {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().slice(0, 8);
  } catch {
    return '';
  }
}

/**
 * Whether the recorded process still runs; a stranger that got the same id later does not count.
 * @param {{ pid: number, startTime: string }} record
 */
function isSameProcess({ pid, startTime }) {
  return startTime !== '' && pid > 0 && startTimeOf(pid) === startTime;
}

/**
 * Remembers a process that was started as the leader of its own group.
 * @param {string} folder
 * @param {string} name
 * @param {{ pid: number, runId: string }} process
 */
function writeRecord(folder, name, { pid, runId }) {
  writeJson(path.join(folder, `${name}.pid.json`), { name, pid, startTime: startTimeOf(pid), runId });
}

function removeRecord(folder, name) {
  fs.rmSync(path.join(folder, `${name}.pid.json`), { force: true });
}

/**
 * @param {string} folder
 * @returns {{ name: string, pid: number, startTime: string, runId: string }[]}
 */
function readRecords(folder) {
  if (!fs.existsSync(folder)) return [];
  const records = [];
  for (const file of fs.readdirSync(folder)) {
    if (!file.endsWith('.pid.json')) continue;
    const record = readJson(path.join(folder, file));
    if (record && Number.isInteger(record.pid)) records.push(record);
  }
  return records;
}

/**
 * Processes of the recorded group that outlived their leader: same group, and marked with the same run.
 * @param {{ pid: number, runId: string }} record
 * @returns {number[]}
 */
function groupLeftovers({ pid: group, runId }) {
  const members = listProcesses().filter((process) => process.group === group && process.state !== 'Z');
  return members
    .map(({ pid }) => pid)
    .filter((pid) => readProc(pid, 'environ').split('\0').includes(`${RUN_MARK}=${runId}`));
}

/**
 * Every process of this machine; empty where there is no /proc.
 * @returns {{ pid: number, parent: number, group: number, state: string, commandLine: string }[]}
 */
function listProcesses() {
  if (!fs.existsSync('/proc/self/stat')) return [];
  const found = [];
  for (const pid of fs
    .readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)) {
    const stat = readProc(pid, 'stat');
    if (stat === '') continue;
    const [state, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const commandLine = readProc(pid, 'cmdline').replace(/\0/g, ' ');
    found.push({ pid, parent: Number(parent), group: Number(group), state, commandLine });
  }
  return found;
}

/** Empty when the process is gone meanwhile, or not ours to look at. */
function readProc(pid, name) {
  try {
    return fs.readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

function signalTo(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}

function writeJson(file, value) {
  const draft = `${file}.${process.pid}`;
  fs.writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  fs.renameSync(draft, file);
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

module.exports = {
  RUN_MARK,
  startTimeOf,
  isSameProcess,
  writeRecord,
  removeRecord,
  readRecords,
  groupLeftovers,
  listProcesses,
  signalTo,
  writeJson,
  readJson,
};
