import { setTimeout as delay } from 'node:timers/promises';

import type { DataSource } from 'typeorm';

import { markDelivered } from '../db/stores/outbox-claims';
import type { Logger } from '../telemetry/logger';

export interface OutboxMarksDeps {
  dataSource: DataSource;
  logger: Logger;
  now: () => number;
}

const ATTEMPTS = 3;
const PAUSE_MS = 500;

/**
 * Marks rows as delivered, all that came while the last statement was under way with one. In the order in which they were
 * handed in: no row is marked before one that was handed in earlier.
 */
export class OutboxMarks {
  readonly #deps: OutboxMarksDeps;
  #waiting: number[] = [];
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(deps: OutboxMarksDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves when the mark is committed, or was given up because the database is away: the claim then runs out and Temporal
   * is told again.
   */
  mark(id: number): Promise<void> {
    this.#waiting.push(id);
    this.#next ??= this.#writeAfter(this.#writing);
    return this.#next;
  }

  async #writeAfter(previous: Promise<void>): Promise<void> {
    await previous;
    const ids = this.#waiting;
    this.#waiting = [];
    this.#writing = this.#next ?? Promise.resolve();
    this.#next = undefined;
    await this.#write(ids);
  }

  async #write(ids: number[]): Promise<void> {
    const { dataSource, logger, now } = this.#deps;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await markDelivered(dataSource, ids, now());
      } catch (err) {
        if (attempt < ATTEMPTS) await delay(PAUSE_MS);
        else {
          return logger.error(
            { err, rows: ids.length },
            'relayed events could not be marked; they will be relayed again',
          );
        }
      }
    }
  }
}
