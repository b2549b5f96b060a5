import type { IncomingMessage } from 'node:http';

import { parseCookie } from 'cookie';

import { authenticateBasic } from '../../auth/basic';
import { authenticateBearer } from '../../auth/bearer';
import type { Identity } from '../../auth/identity';
import { ANONYMOUS } from '../../auth/identity';
import type { OpenSession } from '../../auth/sessions';
import { findSession } from '../../auth/sessions';
import type { Actor } from '../../commands/act';
import type { ApiDeps } from '../api-deps';
import type { ApiRoute } from '../route';
import type { BrowserCookies } from './csrf';

export interface Caller {
  identity: Identity;
  actor: Actor;
  session: OpenSession | null;
  /** What a write by cookie must repeat; null when the browser was never given one. */
  csrfToken: string | null;
  /** Credentials in a header can't be added by another site's page: no CSRF token is asked for. */
  isProvenByHeader: boolean;
}

interface Proof {
  identity: Identity;
  session: OpenSession | null;
  csrfToken: string | null;
}

const NOBODY: Proof = { identity: ANONYMOUS, session: null, csrfToken: null };

/**
 * Finds out who calls. Any `Authorization` header switches the cookie off (permissions spec 13.1, row 5); credentials
 * that prove nothing leave the caller anonymous and do not abort the call (api spec 2.1).
 */
export async function authenticate(
  deps: ApiDeps,
  cookies: BrowserCookies,
  request: IncomingMessage,
  route: ApiRoute,
): Promise<Caller> {
  const header = request.headers.authorization;
  const proof =
    header === undefined
      ? await proofByCookie(deps, cookies, request)
      : { ...NOBODY, identity: await identityByHeader(deps, header, route) };
  return {
    ...proof,
    actor: actorOf(proof.identity, request),
    isProvenByHeader: header !== undefined && proof.identity.kind !== 'anonymous',
  };
}

async function identityByHeader(deps: ApiDeps, header: string, route: ApiRoute): Promise<Identity> {
  const [scheme, credentials] = header.trim().split(/\s+/, 2);
  if (!credentials) return ANONYMOUS;
  if (/^bearer$/i.test(scheme ?? '')) return (await authenticateBearer(deps, credentials)) ?? ANONYMOUS;
  if (/^basic$/i.test(scheme ?? '') && route.basicAuth)
    return (await authenticateBasic(deps, header)) ?? ANONYMOUS;
  return ANONYMOUS;
}

async function proofByCookie(
  deps: ApiDeps,
  cookies: BrowserCookies,
  request: IncomingMessage,
): Promise<Proof> {
  const content = cookies.read(parseCookie(request.headers.cookie ?? '')[deps.config.SESSION_COOKIE_NAME]);
  if (!content) return NOBODY;
  if (content.kind === 'visitor') return { ...NOBODY, csrfToken: content.csrfToken };
  const session = await findSession(deps, content.key);
  return session ? { identity: session.identity, session, csrfToken: session.csrfToken } : NOBODY;
}

function actorOf(identity: Identity, request: IncomingMessage): Actor {
  const ip = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? null;
  switch (identity.kind) {
    case 'anonymous':
      return { kind: 'anonymous', accountId: null, name: 'anonymous', ip };
    case 'user':
    case 'robot':
      return { kind: identity.kind, accountId: identity.accountId, name: identity.name, ip };
    case 'repository-token':
      return { kind: 'token', accountId: null, name: identity.friendlyName, ip };
    default:
      return identity satisfies never;
  }
}
