'use strict';

const crypto = require('node:crypto');
const { performance } = require('node:perf_hooks');
const { setTimeout: sleep } = require('node:timers/promises');

const { LauncherError } = require('../exit-codes.cjs');
const { boundLogs } = require('./log-files.cjs');
const { PartProcess } = require('./part-process.cjs');
const { askHealth } = require('./readiness.cjs');

/**
 * Something that is started and kept running, as data. Parts of one level start together, lower levels first; they stop the other
 * way round, or at their `stopLevel`. `once` runs to its end before the next level starts. `hurryAfterMs`: when SIGTERM is repeated for a part that has not ended.
 * @typedef {{ name: string, level: number, stopLevel?: number, command: string[], ready?: import('./readiness.cjs').Ready, once?: boolean, cwd?: string,
 *   env?: Record<string, string>, stopTimeoutMs?: number, hurryAfterMs?: number, readyTimeoutMs?: number, beforeStart?: () => Promise<void>,
 *   version?: string, address?: string, afterReady?: () => Promise<void> }} Part
 *
 * @typedef {'waiting' | 'starting' | 'ready' | 'unhealthy' | 'restarting' | 'done' | 'stopped'} PartState
 */

const POLL_MS = 100;
const READY_TIMEOUT_MS = 90_000;
const ONCE_TIMEOUT_MS = 600_000;
const START_ATTEMPTS = 3;
const HEALTH_INTERVAL_MS = 3000;
const FAILURES_UNTIL_UNHEALTHY = 2;
// Silence this long is a process that hangs; an answer that says "not ready" is not silence.
const HUNG_AFTER_MS = 60_000;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;
const STEADY_MS = 60_000;
// So many ends in a row are a loop: it is told once, not every time.
const CRASHES_OF_A_LOOP = 5;
const LOG_INTERVAL_MS = 5000;

class Supervisor {
  /**
   * @param {{ layout: { logs: string, run: string, id: string }, terminal: import('../terminal.cjs').Terminal, cwd: string,
   *   env: NodeJS.ProcessEnv, onChange?: () => void }} options
   */
  constructor({ layout, terminal, cwd, env, onChange = () => {} }) {
    this.terminal = terminal;
    this.onChange = onChange;
    this.place = {
      logs: layout.logs,
      run: layout.run,
      runId: `${layout.id}-${crypto.randomUUID()}`,
      cwd,
      env,
    };
    /** @type {Entry[]} */
    this.entries = [];
    this.isStopping = false;
    this.logTimer = setInterval(() => keepBounded(layout.logs), LOG_INTERVAL_MS);
    this.logTimer.unref();
  }

  /**
   * Starts parts and answers when all of them are ready. Throws LauncherError when one does not come up; the caller stops the rest.
   * @param {Part[]} parts
   */
  async start(parts) {
    if (this.isStopping) throw new LauncherError('interrupted', 'interrupted');
    const fresh = parts.map((part) => ({
      part,
      state: 'waiting',
      restarts: 0,
      crashes: 0,
      failures: 0,
      since: Date.now(),
      why: '',
    }));
    this.entries.push(.../** @type {Entry[]} */ (fresh));
    for (const level of [...new Set(parts.map((part) => part.level))].sort((a, b) => a - b)) {
      const here = this.entries.filter((entry) => entry.part.level === level && parts.includes(entry.part));
      await Promise.all(
        here.map((entry) => this.terminal.step(`starting ${entry.part.name}`, () => this.bringUp(entry))),
      );
    }
  }

  /** Up to three attempts; after the last one the reason is what the part printed. */
  async bringUp(entry) {
    for (let attempt = 1; ; attempt++) {
      const why = await this.launch(entry);
      if (why === undefined) return;
      if (this.isStopping)
        throw new LauncherError('interrupted', `interrupted while ${entry.part.name} started`);
      if (attempt === START_ATTEMPTS || entry.part.once) {
        const said = entry.process.tail();
        throw new LauncherError(
          'partFailed',
          `${entry.part.name} did not start (${why}), see ${this.place.logs}/${entry.part.name}.log${said ? `; it said:\n${said}` : ''}`,
        );
      }
      await sleep(FIRST_BACKOFF_MS * attempt);
    }
  }

  /** One attempt; answers why it failed. From readiness on an exit is answered with a restart. */
  async launch(entry) {
    const { part } = entry;
    const process = new PartProcess(part, this.place);
    entry.process = process;
    this.change(entry, 'starting');
    await process.spawn();
    if (this.isStopping) process.kill();
    const why = part.once ? await runOnce(process) : await this.waitUntilReady(process);
    if (why !== undefined) {
      // `stop` ends it in its turn, and politely.
      if (!this.isStopping) process.kill();
      return why;
    }
    if (part.once) {
      this.change(entry, 'done');
      return undefined;
    }
    entry.readyAt = performance.now();
    entry.answeredAt = performance.now();
    entry.failures = 0;
    this.change(entry, 'ready');
    process.once('exit', () => void this.restart(entry));
    entry.timer = setInterval(() => void this.checkHealth(entry), HEALTH_INTERVAL_MS);
    return undefined;
  }

  async waitUntilReady(process) {
    const deadline = performance.now() + (process.part.readyTimeoutMs ?? READY_TIMEOUT_MS);
    for (;;) {
      if (process.hasEnded) return process.ending;
      const health = await askHealth(process.part.ready, process.healthPort);
      if (process.hasEnded) return process.ending;
      if (health.isReady) break;
      if (this.isStopping) return 'interrupted';
      if (performance.now() > deadline) return health.why;
      await sleep(POLL_MS);
    }
    try {
      await process.part.afterReady?.();
    } catch (error) {
      return error.message;
    }
    return process.hasEnded ? process.ending : undefined;
  }

  async restart(entry) {
    clearInterval(entry.timer);
    if (this.isStopping) return;
    const hasBeenSteady = performance.now() - entry.readyAt > STEADY_MS;
    entry.backoffMs =
      hasBeenSteady || !entry.backoffMs
        ? FIRST_BACKOFF_MS
        : Math.min(entry.backoffMs * 2, LONGEST_BACKOFF_MS);
    if (hasBeenSteady) entry.crashes = 0;
    let why = entry.process.ending;
    for (;;) {
      entry.restarts += 1;
      entry.crashes += 1;
      this.change(entry, 'restarting', why);
      this.tellOfEnd(entry, why);
      await sleep(entry.backoffMs, undefined, { ref: true });
      if (this.isStopping) return;
      const failure = await this.launch(entry).catch((error) => {
        // A full disk, or no process to be had: whoever supervises lives on and tries again.
        entry.process.kill();
        return error.message;
      });
      if (this.isStopping) return;
      if (failure === undefined) break;
      why = failure;
      entry.backoffMs = Math.min(entry.backoffMs * 2, LONGEST_BACKOFF_MS);
    }
    if (entry.crashes < CRASHES_OF_A_LOOP) this.terminal.say(`${clock()} ${entry.part.name} is back`);
  }

  tellOfEnd({ part, process, crashes, backoffMs }, why) {
    if (crashes > CRASHES_OF_A_LOOP) return;
    const again = `starting it again in ${backoffMs / 1000} s`;
    const said = process.tail(1);
    this.terminal.say(
      crashes < CRASHES_OF_A_LOOP
        ? `${clock()} ${part.name} ${why}: ${again}`
        : `${clock()} ${part.name} keeps ending (${why}${said ? `, it said: ${said}` : ''}): see ${this.place.logs}/${part.name}.log; it is started again and again, at most every ${LONGEST_BACKOFF_MS / 1000} s`,
    );
  }

  async checkHealth(entry) {
    if (entry.isAsking || entry.process.hasEnded) return;
    entry.isAsking = true;
    const { process } = entry;
    const health = await askHealth(entry.part.ready, process.healthPort);
    entry.isAsking = false;
    if (this.isStopping || process.hasEnded) return;
    if (health.hasAnswered) entry.answeredAt = performance.now();
    if (entry.crashes >= CRASHES_OF_A_LOOP && performance.now() - entry.readyAt > STEADY_MS) {
      this.terminal.say(`${clock()} ${entry.part.name} is back, and runs on since a minute`);
      entry.crashes = 0;
    }
    entry.failures = health.isReady ? 0 : entry.failures + 1;
    if (health.isReady && entry.state === 'unhealthy') {
      this.terminal.say(`${clock()} ${entry.part.name} is well again`);
      this.change(entry, 'ready');
    }
    if (entry.failures === FAILURES_UNTIL_UNHEALTHY) {
      this.terminal.say(`${clock()} ${entry.part.name} ${health.why}`);
      this.change(entry, 'unhealthy', health.why);
    }
    if (performance.now() - entry.answeredAt > HUNG_AFTER_MS) {
      this.terminal.say(
        `${clock()} ${entry.part.name} has been silent for ${HUNG_AFTER_MS / 1000} s: it is killed`,
      );
      process.kill();
    }
  }

  /** From here on nothing is started or waited for any more; `stop` ends what runs. */
  giveUp() {
    this.isStopping = true;
    for (const { part, process } of this.entries) if (part.once) void process?.stop();
  }

  /** Stops everything, what started last first. */
  async stop() {
    this.giveUp();
    clearInterval(this.logTimer);
    for (const entry of this.entries) clearInterval(entry.timer);
    const levels = [...new Set(this.entries.map(stopLevelOf))].sort((a, b) => b - a);
    for (const level of levels) {
      const here = this.entries.filter(
        (entry) => stopLevelOf(entry) === level && entry.process && !entry.process.hasEnded,
      );
      await Promise.all(
        here.map(async (entry) => {
          await this.terminal.step(`stopping ${entry.part.name}`, () => entry.process.stop());
          this.change(entry, 'stopped');
        }),
      );
    }
  }

  /** Forgets a part that did not come up and that the rest can do without. */
  drop(name) {
    for (const entry of this.entries.filter(({ part }) => part.name === name)) entry.process?.kill();
    this.entries = this.entries.filter(({ part }) => part.name !== name);
  }

  /** No more waiting: for a second Ctrl-C. */
  killAll() {
    for (const { process } of this.entries) process?.kill();
  }

  change(entry, state, why = '') {
    Object.assign(entry, { state, why, since: Date.now() });
    this.onChange();
  }

  /** What `status` shows of each part. */
  describe() {
    return this.entries
      .filter(({ part }) => !part.once)
      .map(({ part, process, state, restarts, since, why }) => ({
        name: part.name,
        state,
        why,
        restarts,
        since: new Date(since).toISOString(),
        pid: (process && !process.hasEnded && process.pid) || null,
        healthPort: process?.healthPort ?? null,
        ready: part.ready ?? { type: 'none' },
        version: part.version ?? null,
        address: part.address ?? null,
      }));
  }
}

/**
 * @typedef {{ part: Part, state: PartState, why: string, restarts: number, crashes: number, failures: number, since: number, process: PartProcess,
 *   readyAt: number, answeredAt: number, backoffMs?: number, timer?: NodeJS.Timeout, isAsking?: boolean }} Entry
 */

const stopLevelOf = ({ part }) => part.stopLevel ?? part.level;

async function runOnce(process) {
  const timer = setTimeout(() => process.kill(), ONCE_TIMEOUT_MS);
  if (!process.hasEnded) await new Promise((resolve) => process.once('exit', resolve));
  clearTimeout(timer);
  return process.code === 0 ? undefined : process.ending;
}

/** Logs that cannot be set aside now are looked at again in a moment. */
function keepBounded(folder) {
  try {
    boundLogs(folder);
  } catch {
    // A disk out of order, or somebody removed the folder.
  }
}

const clock = () => new Date().toTimeString().slice(0, 8);

module.exports = { Supervisor };
