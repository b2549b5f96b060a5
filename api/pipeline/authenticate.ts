import type { IncomingMessage } from 'node:http';

import { parseCookie } from 'cookie';

import { authenticateBasic, parseBasicHeader } from '../../auth/basic';
import { authenticateBearer } from '../../auth/bearer';
import type { Identity } from '../../auth/identity';
import { ANONYMOUS } from '../../auth/identity';
import type { OpenSession } from '../../auth/sessions';
import { findSession } from '../../auth/sessions';
import type { Actor } from '../../commands/act';
import { actorOf } from '../../commands/caller';
import type { ApiDeps } from '../api-deps';
import { tooManyLogins } from '../errors';
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
  const address = deps.clientAddress(request);
  const proof =
    header === undefined
      ? await proofByCookie(deps, cookies, request)
      : { ...NOBODY, identity: await identityByHeader(deps, { header, address }, route) };
  return {
    ...proof,
    actor: actorOf(proof.identity, address),
    isProvenByHeader: header !== undefined && proof.identity.kind !== 'anonymous',
  };
}

async function identityByHeader(
  deps: ApiDeps,
  { header, address }: { header: string; address: string | null },
  route: ApiRoute,
): Promise<Identity> {
  const token = /^bearer\s+(\S+)\s*$/i.exec(header)?.[1];
  if (token !== undefined) return (await authenticateBearer(deps, token)) ?? ANONYMOUS;
  const basic = route.basicAuth ? parseBasicHeader(header) : undefined;
  if (!basic) return ANONYMOUS;
  const result = await authenticateBasic(deps, basic, address);
  if (result.outcome === 'throttled') throw tooManyLogins(result);
  return result.outcome === 'accepted' && !isForRegistryOnly(result.identity) ? result.identity : ANONYMOUS;
}

/** App tokens were made for clients of the registry (lifecycle spec 16). */
function isForRegistryOnly(identity: Identity): boolean {
  return identity.kind === 'user' && identity.via === 'app-token';
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
