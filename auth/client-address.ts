import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

import type { Config } from '../config/schema';
import { NetworkSet } from '../outbound/network-set';

/** The address that a request came from, as it is written to the usage log; null when the connection is gone. */
export type ClientAddress = (request: Pick<IncomingMessage, 'socket' | 'headers'>) => string | null;

/**
 * Of a proxy in `TRUSTED_PROXY_NETWORKS` the `X-Forwarded-For` is believed, from its end up to the first address that is
 * not such a proxy itself: what stands before that anybody may have written.
 */
export function createClientAddress({
  TRUSTED_PROXY_NETWORKS,
}: Pick<Config, 'TRUSTED_PROXY_NETWORKS'>): ClientAddress {
  const proxies = new NetworkSet(TRUSTED_PROXY_NETWORKS);
  return ({ socket, headers }) => {
    let address = plain(socket.remoteAddress ?? '');
    const forwarded = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
    for (const hop of forwarded.reverse().map(plain)) {
      if (isIP(hop) === 0 || !proxies.has(address)) break;
      address = hop;
    }
    return address || null;
  };
}

/** Whether the other end of the connection is such a proxy, whoever it forwards for. */
export function createProxyCheck({
  TRUSTED_PROXY_NETWORKS,
}: Pick<Config, 'TRUSTED_PROXY_NETWORKS'>): (request: Pick<IncomingMessage, 'socket'>) => boolean {
  const proxies = new NetworkSet(TRUSTED_PROXY_NETWORKS);
  return ({ socket }) => proxies.has(plain(socket.remoteAddress ?? ''));
}

function plain(address: string): string {
  return address.trim().replace(/^::ffff:(?=\d+\.)/i, '');
}
