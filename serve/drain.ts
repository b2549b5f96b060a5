import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const SWEEP_EVERY_MS = 50;

/**
 * Stops politely: no new connection, no further request on an open one; those under way end by themselves or are cut at
 * the limit. Answers whether all of them ended in time. Uploads stay resumable: what was received is in storage.
 */
export async function drain(server: Server, limitMs: number): Promise<boolean> {
  const closed = new Promise<boolean>((resolve) => server.close(() => resolve(true)));
  // Node closes those that are idle now; one that becomes idle later would be kept alive for its whole time.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_EVERY_MS);
  const limit = new AbortController();
  const late = delay(limitMs, false, { signal: limit.signal }).catch(() => true);
  const isInTime = await Promise.race([closed, late]);
  limit.abort();
  clearInterval(sweep);
  if (!isInTime) server.closeAllConnections();
  return isInTime;
}
