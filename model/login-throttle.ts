/** Wrong passwords for one account from one address (lifecycle spec 17). */
export interface LoginBackoff {
  failures: number;
  /** No password is looked at before. */
  blockedUntilMs: number;
  /** After a day without another failure it is forgotten. */
  expiresAtMs: number;
}

/** From here on the wait, eight and a half minutes, grows no more. */
const MOST_FAILURES = 10;
const LONGEST_WAIT_MS = waitAfterMs(MOST_FAILURES);
const REMEMBERED_MS = 24 * 3_600_000;

/** What one more failure makes of it: half a second at first, then each time about twice as long. */
export function nextBackoff(known: LoginBackoff | null, nowMs: number): LoginBackoff {
  const before = known && known.expiresAtMs > nowMs ? known.failures : 0;
  const failures = Math.min(before + 1, MOST_FAILURES);
  return {
    failures,
    blockedUntilMs: nowMs + waitAfterMs(failures),
    expiresAtMs: nowMs + REMEMBERED_MS,
  };
}

/** 0 when a password may be tried now. */
export function backoffWaitMs(known: LoginBackoff | null, nowMs: number): number {
  return plausible((known?.blockedUntilMs ?? 0) - nowMs, LONGEST_WAIT_MS);
}

/** Failures that one account, or one address, may collect over everything it meets; they are forgiven one by one. */
export interface FloodLimit {
  allowance: number;
  forgivenEveryMs: number;
}

export const FLOOD_LIMITS = {
  /** From all addresses: guesses that are spread over many of them. */
  subject: { allowance: 20, forgivenEveryMs: 30_000 },
  /** On all accounts: one password that is tried on many of them. A whole office may sit behind one address. */
  address: { allowance: 200, forgivenEveryMs: 10_000 },
} as const satisfies Record<string, FloodLimit>;

/** How far ahead of now the moment may lie at which everything is forgiven. */
export function floodCapacityMs({ allowance, forgivenEveryMs }: FloodLimit): number {
  return allowance * forgivenEveryMs;
}

/** 0 when the allowance is not used up; `drainedAtMs` is when everything will be forgiven. */
export function floodWaitMs(limit: FloodLimit, drainedAtMs: number | null, nowMs: number): number {
  const capacityMs = floodCapacityMs(limit);
  const level = plausible((drainedAtMs ?? 0) - nowMs, capacityMs + limit.forgivenEveryMs);
  return Math.max(0, level - capacityMs + limit.forgivenEveryMs);
}

function waitAfterMs(failures: number): number {
  return 500 * (2 ** failures - 1);
}

/** More than was ever written means that the clock was set back since: that must lock nobody out. */
function plausible(waitMs: number, longestMs: number): number {
  return waitMs > longestMs ? 0 : Math.max(0, waitMs);
}
