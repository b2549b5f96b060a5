import type { IncomingMessage } from 'node:http';

import { createProxyCheck } from '../../auth/client-address';
import type { Config } from '../../config/schema';

/** Where the proxy of a request sends blobs from; undefined for a request that is to be answered with the bytes. */
export type HandOver = (request: Pick<IncomingMessage, 'socket' | 'headers'>) => string | undefined;

/**
 * The proxy must be a trusted one and say, with every request, that it sends files for us: networks that are trusted may
 * hold clients too, and nobody but the proxy could do anything with the answer.
 */
export function createHandOver(
  config: Pick<Config, 'BLOB_HANDOFF_LOCATION' | 'TRUSTED_PROXY_NETWORKS'>,
): HandOver {
  const location = config.BLOB_HANDOFF_LOCATION;
  if (location === undefined) return () => undefined;
  const isProxy = createProxyCheck(config);
  return (request) => {
    // The name that other servers of applications have for it.
    const offered = request.headers['x-sendfile-type'];
    return offered === 'X-Accel-Redirect' && isProxy(request) ? location : undefined;
  };
}
