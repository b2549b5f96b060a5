import { connect } from 'node:net';
import type { Socket } from 'node:net';

import { OutboundError, explainFailure } from './errors';
import type { ResolvedAddress, ResolvedTarget } from './resolve-target';

export interface ReachOptions {
  port: number;
  /** For each address; default 10 s. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/**
 * The first of the target's addresses that accepts a connection, which is closed again: for programs like git that
 * take one address, wait for minutes, and say too little. Throws what the last address said.
 */
export async function reachAddress(target: ResolvedTarget, options: ReachOptions): Promise<ResolvedAddress> {
  let failure: unknown;
  for (const address of target.addresses) {
    try {
      await knock(address, target.host, options);
      return address;
    } catch (error) {
      if (options.signal?.aborted) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function knock(
  { address, family }: ResolvedAddress,
  host: string,
  { port, timeoutMs = 10_000, signal }: ReachOptions,
): Promise<void> {
  const origin = `"${host}" (port ${port})`;
  const socket: Socket = connect({ host: address, port, family });
  try {
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => reject(new OutboundError('aborted', `the call to ${origin} was stopped`));
      if (signal?.aborted) stop();
      signal?.addEventListener('abort', stop, { once: true });
      socket.setTimeout(timeoutMs, () =>
        reject(
          new OutboundError(
            'connect-timeout',
            `${origin} did not accept a connection within ${timeoutMs} ms`,
          ),
        ),
      );
      socket.once('connect', resolve);
      socket.once('error', reject);
      socket.once('close', () => signal?.removeEventListener('abort', stop));
    });
  } catch (error) {
    throw explainFailure(error, origin);
  } finally {
    socket.on('error', () => undefined);
    socket.destroy();
  }
}
