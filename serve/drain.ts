import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Stops politely: no new connection, no further request on an open one; those under way end by themselves or are cut at
 * the limit. Answers whether all of them ended in time. Uploads stay resumable: what was received is in storage.
 */
export async function drain(server: Server, limitMs: number): Promise<boolean> {
  // A connection that is kept alive learns with its last answer that there will be no other.
  for (const event of ['request', 'checkContinue']) {
    server.prependListener(event, (_request, response) => response.setHeader('Connection', 'close'));
  }
  const closed = new Promise<boolean>((resolve) => {
    server.close(() => resolve(true));
    server.closeIdleConnections();
  });
  const limit = new AbortController();
  const late = delay(limitMs, false, { signal: limit.signal }).catch(() => true);
  const isInTime = await Promise.race([closed, late]);
  limit.abort();
  if (!isInTime) server.closeAllConnections();
  return isInTime;
}
