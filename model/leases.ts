/**
 * No lease ends later, unless it was given before the clock was set back: its holder would have renewed it since. Twice its
 * length, as the clocks of two processes differ a little and an act reads its own before it waits for locks.
 */
export function latestLeaseEndMs(nowMs: number, lengthMs: number): number {
  return nowMs + 2 * lengthMs;
}

/** True while nobody else may take what was leased for `lengthMs` at a time. */
export function isLeaseHeld(untilMs: number | null, nowMs: number, lengthMs: number): boolean {
  return untilMs !== null && untilMs > nowMs && untilMs <= latestLeaseEndMs(nowMs, lengthMs);
}
