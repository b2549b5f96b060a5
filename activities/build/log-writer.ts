import type { BuildAttempt, BuildProgress } from '../../commands/builds/build-attempts';
import { appendBuildLog } from '../../commands/builds/build-attempts';
import type { LogLine } from '../../commands/builds/build-log';
import { attemptOver } from './build-failures';
import type { BuildStepDeps } from './step-deps';

const FLUSH_MS = 250;
const BATCH = 500;
const MOST_LINES = 100_000;

/**
 * Brings the lines of a step into the build's log in batches, some 250 ms after they were written. When the record refuses
 * them, because the build was cancelled or begun again, `onOver` stops the step.
 */
export class BuildLogWriter {
  #pending: LogLine[] = [];
  #progress: BuildProgress | undefined;
  #written = 0;
  #flushing: Promise<void> | undefined;
  #failure: unknown;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly deps: BuildStepDeps,
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

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#flushing) return this.#schedule();
      void this.#flush();
    }, FLUSH_MS);
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
    }
    if (this.#pending.length > 0 && !this.#failure) this.#schedule();
  }
}
