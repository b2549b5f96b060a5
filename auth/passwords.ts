import { createHmac, randomBytes } from 'node:crypto';

import { hash, verify } from '@node-rs/argon2';

import type { Config } from '../config/schema';

/** More password checks are waiting than a process may hold: the caller should come back in a moment. */
export class PasswordsBusyError extends Error {
  constructor() {
    super('too many passwords are being checked at this moment');
    this.name = 'PasswordsBusyError';
  }
}

export interface PasswordOptions {
  memoryKib: number;
  iterations: number;
  /** Hashes computed at the same time; each takes `memoryKib`. */
  atOnce: number;
  /** How many more may wait for their turn. */
  waiting?: number;
  /** For how long a right password is remembered, so that a push does not pay for every token it asks for. */
  rememberMs?: number;
  now?: () => number;
}

const REMEMBERED_AT_MOST = 1000;

/** argon2id with a bound on the memory that all checks of a process take together; one per process. */
export class Passwords {
  private running = 0;
  private readonly queue: (() => void)[] = [];
  private readonly rightUntilMs = new Map<string, number>();
  private readonly key = randomBytes(32);
  private decoy: Promise<string> | undefined;

  constructor(private readonly options: PasswordOptions) {}

  /** The encoded argon2id hash that is stored; throws {@link PasswordsBusyError}. */
  hash(password: string): Promise<string> {
    return this.takeTurn(() => this.compute(password));
  }

  /**
   * Whether the password is the one behind the stored hash. Without a hash (an unknown name, an account without a
   * password) it costs one check too and is false. Throws {@link PasswordsBusyError}.
   */
  async verify(password: string, stored: string | null): Promise<boolean> {
    const remembered = stored !== null && this.isRemembered(stored, password);
    if (remembered) return true;
    const right = await this.takeTurn(async () => {
      this.decoy ??= this.compute(randomBytes(16).toString('hex'));
      return verify(stored ?? (await this.decoy), password);
    });
    if (!right || stored === null) return false;
    this.remember(stored, password);
    return true;
  }

  private compute(password: string): Promise<string> {
    const { memoryKib: memoryCost, iterations: timeCost } = this.options;
    return hash(password, { memoryCost, timeCost, parallelism: 1 });
  }

  private async takeTurn<T>(work: () => Promise<T>): Promise<T> {
    const { atOnce, waiting = 100 } = this.options;
    if (this.running >= atOnce) {
      if (this.queue.length >= waiting) throw new PasswordsBusyError();
      // Whoever ends hands its place over, so `running` stays as it is.
      await new Promise<void>((resolve) => this.queue.push(resolve));
    } else {
      this.running += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.queue.shift();
      if (next) next();
      else this.running -= 1;
    }
  }

  private isRemembered(stored: string, password: string): boolean {
    return (this.rightUntilMs.get(this.fingerprint(stored, password)) ?? 0) > this.nowMs();
  }

  private remember(stored: string, password: string): void {
    // The map keeps the order of insertion: the first entry is the oldest.
    for (const [print, untilMs] of this.rightUntilMs) {
      if (untilMs > this.nowMs() && this.rightUntilMs.size < REMEMBERED_AT_MOST) break;
      this.rightUntilMs.delete(print);
    }
    this.rightUntilMs.set(
      this.fingerprint(stored, password),
      this.nowMs() + (this.options.rememberMs ?? 5000),
    );
  }

  /** The stored hash is part of it, so a new password forgets the old one at once. */
  private fingerprint(stored: string, password: string): string {
    return createHmac('sha256', this.key).update(`${stored}\0${password}`).digest('base64');
  }

  private nowMs(): number {
    return (this.options.now ?? monotonicMs)();
  }
}

/** A step of the wall clock must not make a password be remembered for longer. */
function monotonicMs(): number {
  return performance.now();
}

export function createPasswords(
  config: Pick<Config, 'PASSWORD_HASH_MEMORY_KIB' | 'PASSWORD_HASH_ITERATIONS' | 'PASSWORD_HASHES_AT_ONCE'>,
): Passwords {
  return new Passwords({
    memoryKib: config.PASSWORD_HASH_MEMORY_KIB,
    iterations: config.PASSWORD_HASH_ITERATIONS,
    atOnce: config.PASSWORD_HASHES_AT_ONCE,
  });
}
