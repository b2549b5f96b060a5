import type { IncomingMessage } from 'node:http';

const LIMIT_BYTES = 4 * 1024 * 1024;

const LIMIT_MS = 10_000;

/**
 * Lets a client that is still sending get its answer: closing at once would reset the connection under it. Who goes on
 * for more than 4 MiB, or longer than 10 s, is cut off (performance spec 7).
 */
export function discardBody(request: IncomingMessage): void {
  if (request.complete) return;
  const timer = setTimeout(() => request.socket.destroy(), LIMIT_MS).unref();
  request.once('close', () => clearTimeout(timer));
  let discarded = 0;
  request.on('data', (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > LIMIT_BYTES) request.socket.destroy();
  });
  request.on('error', () => undefined); // The client went away, and nobody waits for it any more.
  request.resume();
}
