import { newCsrfToken } from '../pipeline/csrf';
import type { ApiRoute } from '../route';
import { route } from '../route';

/** Where a page learns what its writes must repeat (api spec 1.1); a visitor's token lives in the cookie alone. */
export function createCsrfRoutes(): ApiRoute[] {
  return [
    route({
      method: 'GET',
      path: '//csrf_token',
      operationId: 'getCsrfToken',
      access: 'anyone-always',
      handle({ csrfToken: known }) {
        const headers = { 'Cache-Control': 'no-store' };
        if (known !== null) return Promise.resolve({ status: 200, headers, body: { csrf_token: known } });
        const csrfToken = newCsrfToken();
        const session = { kind: 'visitor', csrfToken } as const;
        return Promise.resolve({ status: 200, headers, body: { csrf_token: csrfToken }, session });
      },
    }),
  ];
}
