import { heartbeat } from '@temporalio/activity';

/**
 * Beats on a timer of its own while `work` goes on: a heartbeat keeps an activity alive, and its answer is the only way
 * in which a cancellation arrives (temporal spec 5).
 */
export async function withHeartbeat<T>(everyMs: number, work: () => Promise<T>): Promise<T> {
  heartbeat();
  const timer = setInterval(() => heartbeat(), everyMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
