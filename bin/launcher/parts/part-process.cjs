'use strict';

const { spawn } = require('node:child_process');
const { EventEmitter } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');

const { lastLines } = require('../child-process.cjs');
const { RUN_MARK, groupLeftovers, removeRecord, signalTo, writeRecord } = require('../pid-records.cjs');
const { anyFreePort } = require('../ports.cjs');
const { openLog } = require('./log-files.cjs');

const TAIL_BYTES = 8 * 1024;

/**
 * One running process of a part: leader of its own group, printing to its own log, recorded with its start time.
 * Emits `exit` once, when it and all of its group are gone.
 */
class PartProcess extends EventEmitter {
  /**
   * @param {import('./supervisor.cjs').Part} part
   * @param {{ logs: string, run: string, runId: string, cwd: string, env: NodeJS.ProcessEnv }} place
   */
  constructor(part, place) {
    super();
    this.part = part;
    this.place = place;
    this.pid = 0;
    this.healthPort = 0;
    this.hasEnded = false;
    this.ending = '';
  }

  async spawn() {
    const { part, place } = this;
    this.healthPort = /** @type {number} */ (await anyFreePort());
    await part.beforeStart?.();
    const log = openLog(place.logs, part.name);
    this.logStart = fs.fstatSync(log).size;
    try {
      const [command, ...args] = part.command;
      this.child = spawn(command, args, {
        cwd: part.cwd ?? place.cwd,
        env: {
          ...place.env,
          ...part.env,
          SLIPWAY_HEALTH_PORT: String(this.healthPort),
          [RUN_MARK]: place.runId,
        },
        stdio: ['ignore', log, log],
        detached: true,
      });
    } finally {
      fs.closeSync(log);
    }
    this.child.once('error', (error) => this.end(error.message));
    this.child.once('exit', (code, signal) =>
      this.end(signal ? `ended by ${signal}` : `ended with code ${code}`, code),
    );
    if (!this.child.pid) return;
    this.pid = this.child.pid;
    writeRecord(place.run, part.name, { pid: this.pid, runId: place.runId });
  }

  end(ending, code = 1) {
    if (this.hasEnded) return;
    // What the leader left behind in its group (children of a killed process) must not go on beside its successor.
    for (const pid of groupLeftovers({ pid: this.pid, runId: this.place.runId })) signalTo(pid, 'SIGKILL');
    removeRecord(this.place.run, this.part.name);
    this.hasEnded = true;
    this.ending = ending;
    this.code = code;
    this.emit('exit');
  }

  /** SIGTERM, and SIGKILL for the whole group when the part takes longer than its time. */
  async stop() {
    if (this.hasEnded || !this.pid) return;
    const gone = new Promise((resolve) => this.once('exit', resolve));
    signalTo(this.pid, 'SIGTERM');
    const { stopTimeoutMs = 15_000, hurryAfterMs = stopTimeoutMs } = this.part;
    const hurry = setTimeout(() => signalTo(this.pid, 'SIGTERM'), hurryAfterMs);
    const timer = setTimeout(() => this.kill(), stopTimeoutMs);
    await gone;
    for (const each of [hurry, timer]) clearTimeout(each);
  }

  kill() {
    if (!this.hasEnded && this.pid) signalTo(-this.pid, 'SIGKILL');
  }

  /** The last lines that this process printed. */
  tail(count = 3) {
    return lastLines(
      readTail(path.join(this.place.logs, `${this.part.name}.log`), this.logStart ?? 0),
      count,
    );
  }
}

function readTail(file, from) {
  try {
    const size = fs.statSync(file).size;
    const start = Math.max(from, size - TAIL_BYTES);
    const handle = fs.openSync(file, 'r');
    const bytes = Buffer.alloc(Math.max(0, size - start));
    fs.readSync(handle, bytes, 0, bytes.length, start);
    fs.closeSync(handle);
    return bytes.toString('utf8');
  } catch {
    return '';
  }
}

module.exports = { PartProcess };
