import type { ZodType } from 'zod';

import type { Identity } from '../auth/identity';
import type { RepositoryAccess } from '../auth/access';
import type { Actor } from '../commands/act';

/**
 * Who may call a route (api spec 2.3). The router refuses everybody else before the body is looked at: 401
 * `invalid_token` for nobody, 403 `insufficient_scope` for somebody.
 */
export type RouteAccess =
  | 'anyone'
  | 'user' // signed in, acting on itself: user:admin
  | 'signed-in' // signed in: user:read
  | 'repository-read'
  | 'repository-write'
  | 'repository-admin'
  | 'organization-member'
  | 'organization-admin'
  | 'superuser';

export interface ApiRequest<Body = unknown> {
  identity: Identity;
  actor: Actor;
  /** Placeholders of the path, percent-decoded once; `{r}` is the whole `namespace/name`. */
  params: Record<string, string>;
  query: URLSearchParams;
  body: Body;
  headers: Record<string, string | string[] | undefined>;
  /** Present on routes with `{r}` whose access names the repository. */
  repository?: RepositoryAccess;
}

export interface ApiResponse {
  status: number;
  /** Sent as JSON; absent for 204. */
  body?: unknown;
  /** A page instead of JSON. */
  html?: string;
  headers?: Record<string, string>;
}

/** One row of the route table; tests and documentation walk it (conventions 8). */
export interface ApiRoute<Body = unknown> {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below `/api/v1`: `/repository/{r}/build/{uuid}`. A path that begins with `//` is relative to the server's root. */
  path: string;
  operationId: string;
  access: RouteAccess;
  /** Refused with 503 unless the repository is in state NORMAL. */
  normalState?: boolean;
  /** Refuses bearer tokens (permissions spec 13.1, row 4). */
  sessionOnly?: boolean;
  /** The request carries its own proof, such as a code from a mail: no CSRF token is asked for. */
  withoutCsrf?: boolean;
  /** Checked after access; a mismatch is 400 `invalid_request` that names the field. */
  bodySchema?: ZodType<Body>;
  handle(request: ApiRequest<Body>): Promise<ApiResponse>;
}
