import { setTimeout as delay } from 'node:timers/promises';

import type { DataSource } from 'typeorm';

import type { OutboxRow } from '../db/entities/outbox';
import { claimDueRows, markDelivered, markRefused, releaseRow } from '../db/stores/outbox';
import type { Logger } from '../telemetry/logger';
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
  /** How long to rest when nothing is due. */
  idleMs?: number;
  /** Rows on their way at once. */
  batch?: number;
  /** How long a claim keeps other relays away; must be longer than a delivery's deadline. */
  claimMs?: number;
  /** After how many refusals a row is parked; not reaching Temporal does not count. */
  maxRefusals?: number;
  /** First and longest pause after a refusal; doubles in between. */
  refusalMs?: number;
  maxRefusalMs?: number;
  /** Longest pause between looks at an unreachable Temporal. */
  maxOutageMs?: number;
}

const DEFAULTS: Required<OutboxRelayOptions> = {
  idleMs: 200,
  batch: 50,
  claimMs: 20_000,
  maxRefusals: 20,
  refusalMs: 1000,
  maxRefusalMs: 60_000,
  maxOutageMs: 2000,
};

type Outcome = 'delivered' | 'refused' | 'unreachable';

/**
 * Carries committed outbox rows to Temporal (temporal spec 9): at least once, one after the other per ordering key, any
 * number of relays side by side.
 */
export class OutboxRelay {
  readonly #deps: Required<OutboxRelayDeps>;
  readonly #options: Required<OutboxRelayOptions>;
  readonly #stopping = new AbortController();
  #outages = 0;

  constructor(deps: OutboxRelayDeps, options: OutboxRelayOptions = {}) {
    this.#deps = { now: Date.now, ...deps };
    this.#options = { ...DEFAULTS, ...options };
  }

  /** False while Temporal cannot be reached. */
  get isConnected(): boolean {
    return this.#outages === 0;
  }

  /** Works until `stop` is called; rows on their way then are finished first. */
  async run(): Promise<void> {
    while (!this.#stopping.signal.aborted) await this.#rest(await this.#turn());
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Delivers one batch; answers how long to rest before the next. */
  async #turn(): Promise<number> {
    const { idleMs, batch, claimMs, maxOutageMs } = this.#options;
    try {
      // While Temporal is away one row is enough to notice that it is back.
      const limit = this.#outages > 0 ? 1 : batch;
      const rows = await claimDueRows(this.#deps.dataSource, { nowMs: this.#deps.now(), limit, claimMs });
      const outcomes = await Promise.all(rows.map((row) => this.#carry(row)));
      if (outcomes.includes('unreachable')) {
        this.#outages += 1;
        return Math.min(idleMs * 2 ** (this.#outages - 1), maxOutageMs);
      }
      if (outcomes.length > 0) this.#outages = 0;
      return rows.length > 0 ? 0 : idleMs;
    } catch (err) {
      // The database is away, or chose us as a deadlock's victim: claims run out by themselves.
      this.#deps.logger.error({ err }, 'the outbox could not be read or written');
      return Math.max(idleMs, 1000);
    }
  }

  async #carry(row: OutboxRow): Promise<Outcome> {
    const { dataSource, deliver, now, logger } = this.#deps;
    const what = { row: row.id, kind: row.kind, key: row.orderingKey };
    try {
      await deliver(row);
    } catch (err) {
      if (!isTemporalUnreachable(err)) return this.#refuse(row, err);
      if (this.#outages === 0) logger.warn({ ...what, err }, 'Temporal cannot be reached; events wait');
      // Behind the others, so that one row that always runs out of time does not stand for all of Temporal.
      await releaseRow(dataSource, row.id, now());
      return 'unreachable';
    }
    await markDelivered(dataSource, row.id, now());
    logger.debug(what, 'event relayed');
    return 'delivered';
  }

  async #refuse(row: OutboxRow, err: unknown): Promise<Outcome> {
    const { maxRefusals, refusalMs, maxRefusalMs } = this.#options;
    const { dataSource, now, logger } = this.#deps;
    const attempts = row.attempts + 1;
    const isLast = attempts >= maxRefusals;
    await markRefused(dataSource, row.id, {
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
    if (ms === 0) return;
    try {
      await delay(ms, undefined, { signal: this.#stopping.signal });
    } catch {
      // Woken by `stop`.
    }
  }
}

function describeError(err: unknown): string {
  const parts: string[] = [];
  for (let at = err; at instanceof Error && parts.length < 4; at = at.cause) parts.push(at.message);
  return (parts.join(': ') || String(err)).slice(0, 4096);
}
