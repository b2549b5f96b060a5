import type { Logger } from './logger';

interface Seen {
  loggedAtMs: number;
  /** Since then, of the same kind. */
  unlogged: number;
}

/**
 * Tells of faults that every request meets while something is away: each kind once in full, then once in a while with the
 * number of those in between, which are lines of the level debug. An outage must not fill the disk with its own story.
 */
export class OutageLog {
  private readonly seen = new Map<string, Seen>();

  constructor(
    private readonly logger: Logger,
    private readonly everyMs = 10_000,
    /** Of a clock that never steps. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  report(kind: string, fields: object, message: string): void {
    const known = this.seen.get(kind);
    if (known && this.now() - known.loggedAtMs < this.everyMs) {
      known.unlogged += 1;
      this.logger.debug(fields, message);
      return;
    }
    this.seen.set(kind, { loggedAtMs: this.now(), unlogged: 0 });
    this.logger.error({ ...fields, unlogged: known?.unlogged ?? 0 }, message);
  }
}
