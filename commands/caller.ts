import type { AccessPolicy, NamespaceAccess } from '../auth/access';
import { namespaceAccess } from '../auth/access';
import type { Identity } from '../auth/identity';
import { accountCap } from '../auth/scopes';
import type { NamespaceFacts } from '../db/stores/access';
import { atLeastTeamRole } from '../model/roles';
import type { Act, ActDeps, Actor } from './act';
import { ActError } from './act-error';

/** Whose rights an act is judged by, and whom the log names. */
export interface Caller {
  identity: Identity;
  actor: Actor;
}

/** Acts that decide on rights need the policy of their process; without one superusers have no full access. */
export type GuardedDeps = ActDeps & { policy?: AccessPolicy };

/** Whom the log names for an identity that calls from an address. */
export function actorOf(identity: Identity, ip: string | null): Actor {
  switch (identity.kind) {
    case 'user':
    case 'robot':
      return { kind: identity.kind, accountId: identity.accountId, name: identity.name, ip };
    case 'repository-token':
      return { kind: 'token', accountId: null, name: identity.friendlyName, ip };
    case 'anonymous':
      return { kind: 'anonymous', accountId: null, name: '(anonymous)', ip };
    default:
      return identity satisfies never;
  }
}

/** Nobody is told to sign in, somebody that it is not allowed: the same whether a thing is hidden or absent. */
export function refusal(identity: Identity): ActError {
  return identity.kind === 'anonymous'
    ? new ActError('unauthorized', 'Requires authentication')
    : new ActError('forbidden', 'Unauthorized');
}

/** The namespace that the caller administers: an organization, or the own name (with `user:admin` too). */
export async function requireNamespaceAdmin(
  act: Act,
  { policy }: GuardedDeps,
  { identity }: Caller,
  name: string,
): Promise<NamespaceFacts> {
  const access = await namespaceAccess(act.manager, identity, name, { policy });
  if (!access.namespace) throw refusal(identity);
  if (!atLeastTeamRole(access.role, 'admin') && !ownsAccount(identity, access)) throw refusal(identity);
  return access.namespace;
}

/** The same for acts on organizations only. */
export async function requireOrganizationAdmin(
  act: Act,
  deps: GuardedDeps,
  caller: Caller,
  name: string,
): Promise<NamespaceFacts> {
  const namespace = await requireNamespaceAdmin(act, deps, caller, name);
  if (namespace.kind !== 'organization') {
    throw new ActError('not-found', `organization "${name}" does not exist`);
  }
  return namespace;
}

/** The caller is that user, directly or by a token that may administer the account. */
export function ownsAccount(identity: Identity, { namespace }: NamespaceAccess): boolean {
  if (identity.kind !== 'user' || identity.accountId !== namespace?.id) return false;
  return namespace.enabled && accountCap(identity.scopes) === 'admin';
}
