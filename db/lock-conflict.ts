import { setTimeout as delay } from 'node:timers/promises';

const ATTEMPTS = 5;

/**
 * Does `work`, one transaction or one statement of its own, again, with jitter, when the database chose it as the victim of
 * a deadlock or a lock wait ran out: it was rolled back, so repeating it is right.
 */
export async function repeatOnLockConflict<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= ATTEMPTS || !isLockConflict(error)) throw error;
      await delay(Math.random() * 50 * attempt);
    }
  }
}

function isLockConflict(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === 'ER_LOCK_DEADLOCK' || code === 'ER_LOCK_WAIT_TIMEOUT' || code === 'ER_CHECKREAD';
}
