import type { DataSource } from 'typeorm';

import type { Logger } from '../telemetry/logger';

const EVERY_MS = 5_000;
/** An answer that took longer says too little of the moment at which it was given, unless the clocks differ by more than that. */
const SLOW_MS = 1_000;
/** Beyond this somebody should look at the clocks. */
const NOTABLE_MS = 5_000;

/**
 * The time of the database's machine, which all processes that share it then agree on: tokens of one serve are good at the
 * other, and a lease ends for all of them at once. Between two looks it runs on this machine's monotonic clock, so that a
 * step of its wall clock means nothing.
 */
export class DatabaseClock {
  private offsetMs = Date.now() - performance.now();
  private timer: NodeJS.Timeout | undefined;
  private isLooking = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly logger: Logger,
  ) {}

  /** Milliseconds since the epoch. */
  readonly now = (): number => Math.floor(performance.now() + this.offsetMs);

  /** Looks at once and from then on now and again; while the database is away the clock runs on. */
  async start(): Promise<void> {
    const byMs = await this.look();
    if (Math.abs(byMs) > NOTABLE_MS) {
      this.logger.warn({ byMs }, 'the clock of this machine differs from that of the database, which counts');
    }
    this.timer = setInterval(() => void this.lookAgain(), EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async lookAgain(): Promise<void> {
    const byMs = await this.look(SLOW_MS);
    if (Math.abs(byMs) > NOTABLE_MS) this.logger.warn({ byMs }, 'the clock of the database was set anew');
  }

  /** Answers by how much the clock was set. */
  private async look(slowMs = Number.POSITIVE_INFINITY): Promise<number> {
    if (this.isLooking) return 0;
    this.isLooking = true;
    try {
      const askedAtMs = performance.now();
      const [row] = await this.dataSource.query<{ ms: unknown }[]>(
        // Not UNIX_TIMESTAMP of a local time: an hour of autumn comes twice where the server's zone has summer time.
        `SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1000 AS ms`,
      );
      const answeredAtMs = performance.now();
      const offsetMs = Number(row?.ms) - (askedAtMs + answeredAtMs) / 2;
      const byMs = Math.round(offsetMs - this.offsetMs);
      const tookMs = answeredAtMs - askedAtMs;
      if (tookMs > slowMs && Math.abs(byMs) <= tookMs) return 0;
      this.offsetMs = offsetMs;
      return byMs;
    } catch (err) {
      this.logger.debug({ err }, 'the clock of the database could not be read');
      return 0;
    } finally {
      this.isLooking = false;
    }
  }
}
