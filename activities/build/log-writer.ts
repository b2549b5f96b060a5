import { setTimeout as delay } from 'node:timers/promises';

import type { ActDeps } from '../../commands/act';
import type { AttemptState, BuildAttempt, BuildProgress } from '../../commands/builds/build-attempts';
import { appendBuildLog } from '../../commands/builds/build-attempts';
import type { LogLine } from '../../commands/builds/build-log';
import { MAX_MESSAGE_LENGTH } from '../../commands/builds/build-log';
import { attemptOver } from './build-failures';

const FLUSH_MS = 250;
const BATCH = 500;
const MOST_LINES = 100_000;
/** Characters of one batch, which has to fit into one statement, and of all that waits. */
const BATCH_LENGTH = 1024 ** 2;
const MOST_WAITING = 8 * 1024 ** 2;
/** How long the database may be away. */
const PATIENCE_MS = 45_000;
const RETRY_MS = 1000;

interface Pending {
  line: LogLine;
  /** More than zero in place of so many lines that were not kept. */
  leftOut: number;
}

/**
 * Brings the lines of a step into the build's log: at once after a silence, otherwise in batches 250 ms apart. When the record
 * refuses them, because the build was cancelled or begun again, `onOver` stops the step; so does a database that stays away.
 * Of a step that says far more than can be written, lines in the middle are left out.
 */
export class BuildLogWriter {
  #pending: Pending[] = [];
  /** Characters of what is pending. */
  #waiting = 0;
  #patienceMs = PATIENCE_MS;
  #progress: BuildProgress | undefined;
  #written = 0;
  #flushing: Promise<void> | undefined;
  #failure: unknown;
  #timer: NodeJS.Timeout | undefined;
  /** Of the clock that nobody sets. */
  #flushedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly deps: ActDeps,
    private readonly attempt: BuildAttempt,
    private readonly onOver: (reason: Error) => void = () => undefined,
  ) {}

  write(line: LogLine): void {
    if (this.#written > MOST_LINES) return;
    this.#written += 1;
    const isCut = this.#written > MOST_LINES;
    this.#keep(isCut ? { message: `the log is cut here: it has ${MOST_LINES} lines` } : line);
    this.#schedule();
  }

  #keep(line: LogLine): void {
    const message = line.message.slice(0, MAX_MESSAGE_LENGTH);
    if (this.#waiting + message.length > MOST_WAITING) return this.#leaveOut();
    this.#waiting += message.length;
    this.#pending.push({ line: { ...line, message }, leftOut: 0 });
  }

  #leaveOut(): void {
    const last = this.#pending.at(-1);
    if (last && last.leftOut > 0) last.leftOut += 1;
    else this.#pending.push({ line: { message: '' }, leftOut: 1 });
  }

  progress(progress: BuildProgress): void {
    this.#progress = progress;
    this.#schedule();
  }

  /** Waits until everything is in the record; throws what kept it out. `patienceMs` is how long the database may be away now. */
  async close(patienceMs = PATIENCE_MS): Promise<void> {
    this.#patienceMs = patienceMs;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#flushing || this.#pending.length > 0 || this.#progress) {
      if (this.#failure) break;
      await (this.#flushing ?? this.#flush());
    }
    if (this.#failure) throw this.#failure as Error;
  }

  get #hasWork(): boolean {
    return !this.#failure && (this.#pending.length > 0 || this.#progress !== undefined);
  }

  /** A flush under way schedules the next one itself. */
  #schedule(): void {
    if (this.#flushing || !this.#hasWork) return;
    const sinceFlushMs = performance.now() - this.#flushedAtMs;
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        if (!this.#flushing && this.#hasWork) void this.#flush();
      },
      Math.max(0, FLUSH_MS - sinceFlushMs),
    );
  }

  #flush(): Promise<void> {
    this.#flushing = this.#send();
    return this.#flushing;
  }

  async #send(): Promise<void> {
    const lines = this.#takeBatch();
    const progress = this.#progress;
    this.#progress = undefined;
    try {
      const state = await this.#append(lines, progress);
      if (state !== 'current') throw attemptOver(state);
    } catch (error) {
      this.#failure = error;
      this.onOver(error as Error);
    } finally {
      this.#flushing = undefined;
      this.#flushedAtMs = performance.now();
    }
    this.#schedule();
  }

  #takeBatch(): LogLine[] {
    let count = 0;
    let length = 0;
    for (const { line } of this.#pending.slice(0, BATCH)) {
      if (count > 0 && length + line.message.length > BATCH_LENGTH) break;
      count += 1;
      length += line.message.length;
    }
    this.#waiting -= length;
    return this.#pending
      .splice(0, count)
      .map(({ line, leftOut }) =>
        leftOut > 0 ? { message: `${leftOut} lines are left out here: they came too fast to be kept` } : line,
      );
  }

  /** A database that is away for a moment costs nothing; at worst lines are in the log twice, when only its answer was lost. */
  async #append(lines: LogLine[], progress: BuildProgress | undefined): Promise<AttemptState> {
    const startedAtMs = performance.now();
    for (;;) {
      try {
        return await appendBuildLog(this.deps, this.attempt, lines, progress);
      } catch (error) {
        if (performance.now() - startedAtMs >= this.#patienceMs) throw error;
        await delay(Math.min(RETRY_MS, this.#patienceMs));
      }
    }
  }
}
