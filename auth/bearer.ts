import { Account, OauthToken } from '../db/entities/accounts';
import type { AuthDeps, AuthOutcome } from './authentication';
import { accepted, refused, userIdentity } from './authentication';
import type { Identity } from './identity';
import { parseScopes } from './scopes';
import { BEARER_HALF, hashToken, isSameHash } from './tokens';

export type BearerDeps = Omit<AuthDeps, 'passwords'>;

/** The user behind a bearer token; undefined when it proves nobody, which makes an API call anonymous (api spec 2.1). */
export async function authenticateBearer(deps: BearerDeps, token: string): Promise<Identity | undefined> {
  const result = await checkBearer(deps, token);
  return result.outcome === 'accepted' ? result.identity : undefined;
}

/** The same with the reason of a refusal, for `$oauthtoken` passwords. */
export async function checkBearer(deps: BearerDeps, text: string): Promise<AuthOutcome> {
  const unknown = refused('OAuth access token could not be validated');
  if (!/^[A-Za-z0-9]{40}$/.test(text)) return unknown;
  const { manager } = deps.dataSource;
  const row = await manager.findOneBy(OauthToken, { lookup: text.slice(0, BEARER_HALF) });
  if (!row || !isSameHash(hashToken(text.slice(BEARER_HALF)), row.secretHash)) return unknown;
  if (row.expiresAtMs <= deps.now()) return refused('OAuth access token has expired');
  const account = await manager.findOneBy(Account, { id: row.accountId, kind: 'user' });
  if (!account?.enabled) return refused('Granter of the oauth access token is disabled');
  const scopes = parseScopes(row.scopes);
  if (!scopes) return unknown;
  const token = { kind: 'oauth', uuid: row.uuid, title: row.title } as const;
  return accepted(userIdentity(deps.config, account, { via: 'oauth', scopes, token }));
}
