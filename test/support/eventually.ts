import { setTimeout as delay } from 'node:timers/promises';

/** Repeats `check` until it stops throwing, and answers what it returned; after `deadlineMs` throws its last error. */
export async function eventually<T>(
  check: () => Promise<T> | T,
  deadlineMs = 15_000,
  everyMs = 50,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() >= end) throw error;
      await delay(everyMs);
    }
  }
}
