import type { ActDeps } from '../../commands/act';
import type { BuildAttempt, BuildProgress } from '../../commands/builds/build-attempts';
import { appendBuildLog } from '../../commands/builds/build-attempts';
import type { LogLine } from '../../commands/builds/build-log';
import { attemptOver } from './build-failures';

const FLUSH_MS = 250;
const BATCH = 500;
const MOST_LINES = 100_000;

/**
 * Brings the lines of a step into the build's log: at once after a silence, otherwise in batches 250 ms apart. When the record
 * refuses them, because the build was cancelled or begun again, `onOver` stops the step.
 */
export class BuildLogWriter {
  #pending: LogLine[] = [];
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
    this.#pending.push(isCut ? { message: `the log is cut here: it has ${MOST_LINES} lines` } : line);
    this.#schedule();
  }

  progress(progress: BuildProgress): void {
    this.#progress = progress;
    this.#schedule();
  }

  /** Waits until everything is in the record; throws what kept it out. */
  async close(): Promise<void> {
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
    const lines = this.#pending.splice(0, BATCH);
    const progress = this.#progress;
    this.#progress = undefined;
    try {
      const state = await appendBuildLog(this.deps, this.attempt, lines, progress);
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
}
