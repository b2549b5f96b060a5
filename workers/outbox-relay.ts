import { setTimeout as delay } from 'node:timers/promises';

import type { DataSource } from 'typeorm';

import type { OutboxRow } from '../db/entities/outbox';
import { claimRuns, markRefused, releaseRows } from '../db/stores/outbox-claims';
import type { Logger } from '../telemetry/logger';
import { OutboxMarks } from './outbox-marks';
import { isTemporalUnreachable } from './temporal-errors';

/** Makes Temporal do what the row says; returns when Temporal has accepted it, however often it is told. */
export type DeliverRow = (row: OutboxRow) => Promise<void>;

export interface OutboxRelayDeps {
  dataSource: DataSource;
  deliver: DeliverRow;
  logger: Logger;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

export interface OutboxRelayOptions {
  /** How long to rest when nothing is due: what a lone event waits at most. */
  idleMs?: number;
  /** Keys on their way at once. */
  lanes?: number;
  /** Rows of one key that are claimed together. */
  run?: number;
  /** How long a claim keeps other relays away. */
  claimMs?: number;
  /** No row is told to Temporal with less than this left of its claim; at least a delivery's deadline. */
  reserveMs?: number;
  /** After how many refusals a row is parked; not reaching Temporal does not count. */
  maxRefusals?: number;
  /** First and longest pause after a refusal; doubles in between. */
  refusalMs?: number;
  maxRefusalMs?: number;
  /** Longest pause between looks at an unreachable Temporal. */
  maxOutageMs?: number;
}

const DEFAULTS: Required<OutboxRelayOptions> = {
  idleMs: 50,
  lanes: 128,
  run: 50,
  claimMs: 20_000,
  reserveMs: 6000,
  maxRefusals: 20,
  refusalMs: 1000,
  maxRefusalMs: 60_000,
  maxOutageMs: 2000,
};

const DATABASE_PAUSE_MS = 1000;
/** A Temporal that takes longer for an answer has enough to do; far below the deadline of a delivery. */
const PROMPT_MS = 2000;

/** Postponed: not refused, but to be told again, by whoever claims it next. */
type Outcome = 'delivered' | 'refused' | 'postponed';

/**
 * Carries committed outbox rows to Temporal (temporal spec 9): at least once, one after the other per ordering key, any
 * number of relays side by side. Each key on its way has a lane of its own, so a slow one holds up nobody; keys get their
 * turns in the order of their names, so a long one does not either.
 */
export class OutboxRelay {
  readonly #deps: Required<OutboxRelayDeps>;
  readonly #options: Required<OutboxRelayOptions>;
  readonly #marks: OutboxMarks;
  readonly #lanes = new Set<Promise<void>>();
  #isStopping = false;
  #resting = new AbortController();
  /** Lanes that may be open: one when Temporal is away, one more after each prompt answer, one less after a late one. */
  #width: number;
  #outages = 0;
  /** Of a monotonic clock, as the next. */
  #failedAtMs = 0;
  #pausedUntilMs = 0;
  #afterKey = '';
  #hasFound = false;
  /** Of the looks since the first key. */
  #lookedMs = 0;

  constructor(deps: OutboxRelayDeps, options: OutboxRelayOptions = {}) {
    this.#deps = { now: Date.now, ...deps };
    this.#options = { ...DEFAULTS, ...options };
    this.#width = this.#options.lanes;
    this.#marks = new OutboxMarks(this.#deps);
  }

  /** False while Temporal cannot be reached. */
  get isConnected(): boolean {
    return this.#outages === 0;
  }

  /** Works until `stop` is called; what Temporal is being told then is finished, the rest given back. */
  async run(): Promise<void> {
    while (!this.#isStopping) await this.#rest(await this.#turn());
    await Promise.all(this.#lanes);
  }

  stop(): void {
    this.#isStopping = true;
    this.#resting.abort();
  }

  /** Fills the free lanes; answers how long to rest before the next look. */
  async #turn(): Promise<number> {
    const { idleMs, run, claimMs } = this.#options;
    const pauseMs = this.#pausedUntilMs - performance.now();
    if (pauseMs > 0) return pauseMs;
    const free = this.#width - this.#lanes.size;
    if (free <= 0) return idleMs;
    const startedMs = performance.now();
    try {
      const { runs, nextKey, unreadable } = await claimRuns(this.#deps.dataSource, {
        nowMs: this.#deps.now(),
        afterKey: this.#afterKey,
        maxRuns: free,
        // While Temporal is away one row is enough to notice that it is back.
        maxRows: this.#outages > 0 ? 1 : run,
        claimMs,
      });
      for (const rows of runs) this.#open(rows);
      if (unreadable) this.#deps.logger.error({ rows: unreadable }, 'events that cannot be read are parked');
      return this.#moveOn(runs.length > 0, nextKey, performance.now() - startedMs);
    } catch (err) {
      // The database is away, or chose us as a deadlock's victim: claims run out by themselves.
      this.#deps.logger.error({ err }, 'the outbox could not be read');
      return DATABASE_PAUSE_MS;
    }
  }

  /** Rests after a look at all keys that found nothing to do, the longer the more there was to look at. */
  #moveOn(hasFound: boolean, nextKey: string | null, tookMs: number): number {
    this.#afterKey = nextKey ?? '';
    this.#hasFound ||= hasFound;
    this.#lookedMs += tookMs;
    if (nextKey !== null) return 0;
    const restMs = this.#hasFound ? 0 : Math.max(this.#options.idleMs, 4 * this.#lookedMs);
    this.#hasFound = false;
    this.#lookedMs = 0;
    return restMs;
  }

  #open(rows: OutboxRow[]): void {
    const lane = this.#carry(rows).finally(() => {
      this.#lanes.delete(lane);
      // Not for each single lane, or there would be a claim for each single row.
      if (this.#lanes.size <= this.#width / 2) this.#resting.abort();
    });
    this.#lanes.add(lane);
  }

  /** Carries rows of one key, one after the other; those that must wait are given back. Never throws. */
  async #carry(rows: OutboxRow[]): Promise<void> {
    const { dataSource, logger } = this.#deps;
    let marked: Promise<void> | undefined;
    try {
      for (const [index, row] of rows.entries()) {
        const outcome = this.#mayStart(row) ? await this.#deliver(row) : 'postponed';
        if (outcome === 'delivered') {
          marked = this.#marks.mark(row.id);
          continue;
        }
        await releaseRows(dataSource, rows.slice(outcome === 'refused' ? index + 1 : index));
        break;
      }
    } catch (err) {
      logger.error({ err }, 'the outbox could not be written');
    }
    await marked;
  }

  #mayStart({ claimedUntilMs }: OutboxRow): boolean {
    return !this.#isStopping && this.#deps.now() + this.#options.reserveMs < (claimedUntilMs ?? 0);
  }

  async #deliver(row: OutboxRow): Promise<Outcome> {
    const startedMs = performance.now();
    const what = { row: row.id, kind: row.kind, key: row.orderingKey };
    try {
      await this.#deps.deliver(row);
    } catch (err) {
      if (!isTemporalUnreachable(err)) return this.#refuse(row, err);
      if (this.#outages === 0) {
        this.#deps.logger.warn({ ...what, err }, 'Temporal cannot be reached; events wait');
      }
      this.#backOff(startedMs);
      return 'postponed';
    }
    this.#outages = 0;
    this.#width =
      performance.now() - startedMs < PROMPT_MS
        ? Math.min(this.#width + 1, this.#options.lanes)
        : Math.max(this.#width - 1, 1);
    this.#deps.logger.debug(what, 'event relayed');
    return 'delivered';
  }

  /** What had begun before the last failure was known tells nothing new. */
  #backOff(startedMs: number): void {
    if (this.#outages > 0 && startedMs < this.#failedAtMs) return;
    const { idleMs, maxOutageMs } = this.#options;
    this.#failedAtMs = performance.now();
    this.#pausedUntilMs = this.#failedAtMs + Math.min(idleMs * 2 ** this.#outages, maxOutageMs);
    this.#outages += 1;
    this.#width = 1;
  }

  async #refuse(row: OutboxRow, err: unknown): Promise<Outcome> {
    const { maxRefusals, refusalMs, maxRefusalMs } = this.#options;
    const { dataSource, now, logger } = this.#deps;
    const attempts = row.attempts + 1;
    const isLast = attempts >= maxRefusals;
    await markRefused(dataSource, row, {
      attempts,
      error: describeError(err),
      availableAtMs: now() + Math.min(refusalMs * 2 ** (attempts - 1), maxRefusalMs),
      parkedAtMs: isLast ? now() : null,
    });
    const fields = { row: row.id, kind: row.kind, key: row.orderingKey, attempts, err };
    if (isLast) logger.error(fields, 'Temporal refused an event too often; it is parked');
    else logger.warn(fields, 'Temporal refused an event');
    return 'refused';
  }

  async #rest(ms: number): Promise<void> {
    if (ms <= 0 || this.#isStopping) return;
    this.#resting = new AbortController();
    try {
      await delay(ms, undefined, { signal: this.#resting.signal });
    } catch {
      // Woken by `stop`, or by lanes that ended.
    }
  }
}

function describeError(err: unknown): string {
  const parts: string[] = [];
  for (let at = err; at instanceof Error && parts.length < 4; at = at.cause) parts.push(at.message);
  return (parts.join(': ') || String(err)).slice(0, 4096);
}
