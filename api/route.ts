import type { ZodType } from 'zod';

import type { NamespaceAccess, RepositoryAccess } from '../auth/access';
import type { Identity } from '../auth/identity';
import type { OpenSession } from '../auth/sessions';
import type { Actor } from '../commands/act';

/**
 * Who may call a route (api spec 2.3). The router refuses everybody else before the body is looked at: 401
 * `invalid_token` for nobody, 403 `insufficient_scope` for somebody.
 */
export type RouteAccess =
  | 'anyone'
  | 'anyone-always' // also where anonymous access is switched off
  | 'authenticated' // somebody; the command decides what the scopes of the token leave
  | 'user' // signed in, acting on itself: user:admin
  | 'signed-in' // signed in: user:read
  | 'repository-read'
  | 'repository-write'
  | 'repository-admin'
  | 'organization-member' // {o}: an organization, or one's own user name
  | 'organization-admin'
  | 'superuser';

export interface ApiRequest<Body = unknown> {
  identity: Identity;
  actor: Actor;
  /** Placeholders of the path, percent-decoded once; `{r}` is the whole `namespace/name`. */
  params: Record<string, string>;
  query: URLSearchParams;
  body: Body;
  /** The body's bytes, on routes with `rawBody`; empty elsewhere. */
  rawBody: Buffer;
  headers: Record<string, string | string[] | undefined>;
  /** The browser's session, where the cookie proved the identity. */
  session: OpenSession | null;
  /** What this browser's writes must repeat; null when it was never given one. */
  csrfToken: string | null;
  /** Present on routes with `{r}`; its role is at least what the access names, its repository exists. */
  repository?: RepositoryAccess;
  /** Present on routes with `{o}` whose access names the organization. */
  namespace?: NamespaceAccess;
}

interface OpenedSession {
  kind: 'session';
  key: string;
  csrfToken: string;
}

export interface ApiResponse {
  status: number;
  /** Sent as JSON; absent for 204. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Sent as plain text instead of JSON. */
  text?: string;
  /** Sent as a page instead of JSON. */
  html?: string;
  /** Written instead of `body`, for downloads: the route names its content type in `headers`. */
  stream?: NodeJS.ReadableStream;
  /** Opens a session (cookie and `X-Next-CSRF-Token`), gives a visitor a CSRF token, or ends the browser's session. */
  session?: OpenedSession | { kind: 'visitor'; csrfToken: string } | 'ended';
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
  /** Sessions older than FRESH_LOGIN_TIMEOUT must verify the password first (api spec 2.4). */
  freshLogin?: boolean;
  /** HTTP Basic counts too: passwords of users, robots and repository tokens. */
  basicAuth?: boolean;
  /** No CSRF token asked for: the route takes no authority from a cookie. */
  withoutCsrf?: boolean;
  /** Checked after access; a mismatch is 400 `invalid_request` that names the field. */
  bodySchema?: ZodType<Body>;
  /** A missing body, or one that is not declared as JSON, counts as `{}`. */
  optionalBody?: boolean;
  /** The handler gets the bytes, whatever their type; more than the limit is 413. */
  rawBody?: { limitBytes: number };
  handle(request: ApiRequest<Body>): Promise<ApiResponse>;
}

/**
 * Puts routes with different bodies into one list. The router hands a handler only what the route's own schema made,
 * so forgetting the type here is sound.
 */
export function route<Body>(definition: ApiRoute<Body>): ApiRoute {
  return definition;
}
