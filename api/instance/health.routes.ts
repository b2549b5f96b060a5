import { setTimeout as delay } from 'node:timers/promises';

import type { ApiDeps } from '../api-deps';
import type { ApiResponse, ApiRoute } from '../route';
import { route } from '../route';

const CHECK_LIMIT_MS = 5000;

/** Whether this instance can serve, for load balancers and people (api spec 32). */
export function createHealthRoutes(deps: ApiDeps): ApiRoute[] {
  const paths = [
    ['//health', 'health'],
    ['//health/instance', 'instanceHealth'],
    ['//health/endtoend', 'endToEndHealth'],
    ['//status', 'status'],
  ] as const;
  return paths.map(([path, operationId]) =>
    route({
      method: 'GET',
      path,
      operationId,
      access: 'anyone-always',
      handle: () => reportHealth(deps),
    }),
  );
}

async function reportHealth(deps: ApiDeps): Promise<ApiResponse> {
  const database = await answers(deps.dataSource.query('SELECT 1'));
  const isStopping = deps.stopping?.aborted ?? false;
  // Everybody who signs in is looked up in the database: there is no other directory.
  const services = { auth: database, database };
  const status = database && !isStopping ? 200 : 503;
  return { status, body: { data: { services, is_stopping: isStopping }, status_code: status } };
}

async function answers(work: Promise<unknown>): Promise<boolean> {
  const limit = new AbortController();
  const late = delay(CHECK_LIMIT_MS, false, { signal: limit.signal, ref: false });
  const done = work.then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([done, late]);
  } finally {
    limit.abort();
    late.catch(() => undefined); // The timer's end, which nobody waits for any more.
  }
}
