import { createHash } from 'node:crypto';

import type { EntityManager } from 'typeorm';

import { storedCredential } from '../db/stores/credential-proofs';
import type { Identity } from './identity';

/**
 * A fingerprint of what an account may sign in with now. A registry token carries the one of its issue: when they
 * differ, the password or robot token was changed meanwhile, or the account was switched off, and the token proves
 * nothing any more (registry spec 18.10). Undefined when the account is gone or disabled.
 *
 * Nobody and repository tokens have the constant one: `repositoryAccess` looks at the rows of the latter each time.
 */
export async function credentialProof(
  manager: EntityManager,
  identity: Identity,
): Promise<string | undefined> {
  if (identity.kind === 'anonymous' || identity.kind === 'repository-token') return '-';
  const stored = await storedCredential(manager, identity.accountId);
  if (!stored || Number(stored.enabled) !== 1) return undefined;
  const parts = [identity.kind, stored.superuser, stored.passwordHash, stored.robotToken];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
}
