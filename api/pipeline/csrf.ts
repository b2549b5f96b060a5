import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import { isSameSecret } from '../../auth/tokens';
import { PlainRefusal } from '../errors';

/** What the one cookie of a browser holds: the key of its session, or the CSRF token of a visitor. */
type CookieContent = { kind: 'session'; key: string } | { kind: 'visitor'; csrfToken: string };

export interface BrowserCookies {
  read(value: string | undefined): CookieContent | undefined;
  write(content: CookieContent): string;
}

/** A visitor's token is signed into the cookie, so that asking for one writes no row (permissions spec 13.4). */
export function createBrowserCookies(secret: string): BrowserCookies {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'slipway visitor cookies', 32));
  const sign = (token: string) => createHmac('sha256', key).update(token).digest('base64url');
  return {
    read(value) {
      const [kind, content, signature] = (value ?? '').split('.');
      if (kind === 's' && content) return { kind: 'session', key: content };
      if (kind !== 'v' || !content || !isSameSecret(signature ?? '', sign(content))) return undefined;
      return { kind: 'visitor', csrfToken: content };
    },
    write(content) {
      if (content.kind === 'session') return `s.${content.key}`;
      return `v.${content.csrfToken}.${sign(content.csrfToken)}`;
    },
  };
}

export function newCsrfToken(): string {
  return randomBytes(48).toString('base64url');
}

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

export function needsCsrfToken(method: string | undefined): boolean {
  return !SAFE_METHODS.includes(method ?? '');
}

/** The query's token wins over the header's (api spec 1.1). */
export function refuseForgery(
  request: IncomingMessage,
  query: URLSearchParams,
  expected: string | null,
): void {
  const given = query.get('_csrf_token') ?? request.headers['x-csrf-token'];
  if (expected !== null && typeof given === 'string' && isSameSecret(given, expected)) return;
  throw new PlainRefusal(403, { error: 'CSRF token was invalid or missing.' });
}
