import type { Server, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const SWEEP_EVERY_MS = 50;
/** What a request still has to write after its connection was cut: how far an upload got. */
const SETTLE_LIMIT_MS = 5000;

export interface DrainTimes {
  /** How long requests are still taken after health says no: load balancers need time to notice. */
  noticeMs: number;
  /** How long those under way may take after that, before they are cut. */
  limitMs: number;
  /** Ends both at once. */
  hurrying?: AbortSignal;
}

/**
 * Stops an HTTP server politely. First every answer asks its client for another connection, then no connection is taken
 * any more; requests under way end by themselves or are cut at the limit. Made together with the server, because it has
 * to know of every request.
 */
export class Drain {
  readonly #server: Server;
  readonly #open = new Set<ServerResponse>();
  readonly #work = new Set<Promise<void>>();
  #hasBegun = false;

  constructor(server: Server) {
    this.#server = server;
    for (const event of ['request', 'checkContinue'] as const) {
      server.prependListener(event, (_, response: ServerResponse) => this.#note(response));
    }
  }

  /** Work of a request that may go on when its connection has gone: it is waited for. It must not reject. */
  follow(work: Promise<void>): void {
    this.#work.add(work);
    void work.then(() => this.#work.delete(work));
  }

  /** Answers whether all requests ended in time. An upload that was cut can be resumed in another process at once. */
  async run({ noticeMs, limitMs, hurrying }: DrainTimes): Promise<boolean> {
    this.#hasBegun = true;
    for (const response of this.#open) response.shouldKeepAlive = false;
    await pause(noticeMs, hurrying);
    const isInTime = await this.#close(limitMs, hurrying);
    if (!isInTime) this.#server.closeAllConnections();
    const settled = new AbortController();
    await Promise.race([Promise.all(this.#work), pause(SETTLE_LIMIT_MS, settled.signal)]);
    settled.abort();
    return isInTime;
  }

  #note(response: ServerResponse): void {
    if (this.#hasBegun) response.shouldKeepAlive = false;
    this.#open.add(response);
    response.once('close', () => this.#open.delete(response));
  }

  async #close(limitMs: number, hurrying: AbortSignal | undefined): Promise<boolean> {
    const closed = new Promise<boolean>((resolve) => this.#server.close(() => resolve(true)));
    // Node closes those that are idle now; one that becomes idle later would be kept alive for its whole time.
    const sweep = setInterval(() => this.#server.closeIdleConnections(), SWEEP_EVERY_MS);
    const done = new AbortController();
    const ends = hurrying ? [done.signal, hurrying] : [done.signal];
    const isInTime = await Promise.race([closed, pause(limitMs, AbortSignal.any(ends))]);
    clearInterval(sweep);
    done.abort();
    return isInTime;
  }
}

/** Ends early at the signal; false, as what it races against was not in time. */
async function pause(ms: number, signal?: AbortSignal): Promise<false> {
  try {
    await delay(ms, false, signal && { signal });
  } catch {
    // Woken by the signal.
  }
  return false;
}
