import type { IncomingMessage } from 'node:http';

import { PlainRefusal } from '../errors';

const BROWSER = /mozilla|opera|webkit|chrome|firefox|safari|msie|trident|edge?\//i;

/** Pages of other sites can make a browser GET, but not add this header to it without our consent (api spec 1.2). */
export function refuseBareBrowserCalls(request: IncomingMessage, path: string): void {
  if (request.method !== 'GET' || !path.startsWith('/api/v1/') || path === '/api/v1/discovery') return;
  if (!BROWSER.test(request.headers['user-agent'] ?? '')) return;
  if (request.headers['x-requested-with'] === 'XMLHttpRequest') return;
  throw new PlainRefusal(400, {
    error: 'API calls must be invoked with an X-Requested-With header if called from a browser',
  });
}
