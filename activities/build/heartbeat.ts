import { heartbeat } from '@temporalio/activity';

/** Heartbeats on a timer while `work` runs: cancellation reaches an activity only in the answer to one (temporal spec 5). */
export async function withHeartbeat<T>(everyMs: number, work: () => Promise<T>): Promise<T> {
  heartbeat();
  const timer = setInterval(() => heartbeat(), everyMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
