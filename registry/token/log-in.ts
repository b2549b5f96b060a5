import type { IncomingMessage } from 'node:http';

import { authenticateBasic } from '../../auth/basic';
import type { Identity } from '../../auth/identity';
import { recordLoginFailure } from '../../commands/accounts/record-login-failure';
import { RegistryError } from '../errors';
import type { Registry } from '../exchange';
import { isReadOnly } from '../write-gate';

export interface LogIn {
  req: IncomingMessage;
  credentials: { username: string; password: string };
  /** How the caller is told that they are wrong, and why. */
  refuse: (message: string) => RegistryError;
}

/** Proves who has the credentials; throws for wrong ones, and for those of which too many wrong ones came. */
export async function logIn(
  { req, credentials, refuse }: LogIn,
  { deps, content, clientAddress }: Registry,
): Promise<Identity> {
  const ip = clientAddress(req);
  const result = await authenticateBasic(deps, credentials, ip);
  switch (result.outcome) {
    case 'accepted':
      return result.identity;
    case 'throttled':
      throw new RegistryError(
        'TOOMANYREQUESTS',
        {},
        { message: result.message, headers: { 'Retry-After': String(result.retryAfterS) } },
      );
    case 'refused':
      if (deps.config.ACTION_LOG_AUDIT_LOGIN_FAILURES && !isReadOnly(deps.config)) {
        const { username } = credentials;
        const failure = { username, message: result.message, userAgent: req.headers['user-agent'] };
        await recordLoginFailure(content, ip, { type: 'v2auth', ...failure });
      }
      throw refuse(result.message);
    default:
      return result satisfies never;
  }
}
