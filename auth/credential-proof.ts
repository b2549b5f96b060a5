import { createHash } from 'node:crypto';

import type { EntityManager } from 'typeorm';

import type { StoredCredential } from '../db/stores/credential-proofs';
import { hasLiveToken, storedCredential } from '../db/stores/credential-proofs';
import type { Identity } from './identity';

/**
 * A fingerprint of what an account may sign in with now. A registry token carries the one of its issue: when they
 * differ, the password or robot token was changed meanwhile, or the account was switched off, and the token proves
 * nothing any more (registry spec 18.10). Undefined when the account is gone or disabled, and when the bearer or app token
 * that was presented is revoked or has expired: who came with one depends on it instead of on the password.
 *
 * Nobody and repository tokens have the constant one: `repositoryAccess` looks at the rows of the latter each time. `known` is what
 * that one has just read of the account.
 */
export async function credentialProof(
  manager: EntityManager,
  identity: Identity,
  nowMs: number,
  known?: StoredCredential,
): Promise<string | undefined> {
  if (identity.kind === 'anonymous' || identity.kind === 'repository-token') return '-';
  const stored = known ?? (await storedCredential(manager, identity.accountId));
  if (!stored?.enabled) return undefined;
  const token = identity.kind === 'user' ? identity.token : undefined;
  const { accountId } = identity;
  if (token && !(await hasLiveToken(manager, { ...token, accountId, nowMs }))) return undefined;
  const parts = [identity.kind, stored.superuser, token ? token.uuid : stored.secrets];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
}
