import { randomUUID } from 'node:crypto';

import type { Scope } from '../../auth/identity';
import { hashToken, newBearerToken } from '../../auth/tokens';
import { Account, OauthToken } from '../../db/entities/accounts';
import type { ActDeps, Actor } from '../act';
import { runAct, writeAudit } from '../act';
import { ActError } from '../act-error';

export interface NewOauthToken {
  accountId: number;
  /** At most 64 characters; what people tell their tokens apart by. */
  title: string;
  scopes: readonly Scope[];
  lifetimeMs: number;
}

export interface CreatedOauthToken {
  uuid: string;
  /** 40 characters, shown this once: the row holds a hash. */
  token: string;
  expiresAtMs: number;
}

/** Makes a bearer token of an enabled user for the REST API and `$oauthtoken`. */
export function createOauthToken(
  deps: ActDeps,
  actor: Actor,
  { accountId, title, scopes, lifetimeMs }: NewOauthToken,
): Promise<CreatedOauthToken> {
  return runAct(deps, actor, async (act) => {
    const account = await act.manager.findOneBy(Account, { id: accountId, kind: 'user' });
    if (!account?.enabled) throw new ActError('invalid', 'the user does not exist or is disabled');
    const uuid = randomUUID();
    const { lookup, secret } = newBearerToken();
    const scope = scopes.join(' ');
    const expiresAtMs = act.nowMs + lifetimeMs;
    await act.manager.insert(OauthToken, {
      ...{ uuid, accountId, title: title.slice(0, 64), lookup, secretHash: hashToken(secret) },
      ...{ scopes: scope, createdAtMs: act.nowMs, expiresAtMs },
    });
    await writeAudit(
      act,
      'create_oauth_api_token',
      { namespaceId: accountId },
      { oauth_token_uuid: uuid, scope, token_display_name: title },
    );
    return { uuid, token: lookup + secret, expiresAtMs };
  });
}
