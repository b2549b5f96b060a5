import type { AccessOptions, RepositoryAccess } from '../../auth/access';
import { repositoryAccess } from '../../auth/access';
import type { Identity } from '../../auth/identity';
import type { NamespaceFacts } from '../../db/stores/access';
import { lockRepository } from '../../db/stores/access';
import type { RepositoryPath } from '../../model/names';
import type { RepositoryRole } from '../../model/roles';
import { atLeast } from '../../model/roles';
import type { Act } from '../act';
import { ActError } from '../act-error';
import type { GuardedDeps } from '../caller';
import { refusal } from '../caller';

/** A repository that is there, in a namespace that is enabled. */
export interface FoundRepository extends RepositoryAccess {
  namespace: NamespaceFacts;
  repository: NonNullable<RepositoryAccess['repository']>;
  role: RepositoryRole;
}

export interface Requirement {
  role: RepositoryRole;
  /**
   * How the row is locked until the act ends: `update` for acts that change the repository, its permissions or the
   * order of its events; `share` for those that only must not overlap with such acts; `none` where an act that comes later
   * judges again.
   */
  lock: 'update' | 'share' | 'none';
  /** Read-only and mirrored repositories count too. */
  anyState?: boolean;
}

/**
 * The repository of a write, judged inside its transaction: rights of the caller, which must be enabled, its token not
 * revoked and its build running; namespace enabled; state NORMAL, else `wrong-state` (registry spec 18.10). Who may not
 * know whether it is there gets the same refusal in both cases, everybody else `not-found`.
 */
export async function requireRepository(
  act: Act,
  { policy }: Pick<GuardedDeps, 'policy'>,
  identity: Identity,
  path: RepositoryPath,
  required: Requirement,
): Promise<FoundRepository> {
  if (required.lock !== 'none') await lockRepository(act.manager, path, required.lock);
  const options: AccessOptions = { policy, nowMs: act.nowMs, lockToken: true };
  const access = await repositoryAccess(act.manager, identity, path, options);
  const { namespace, repository, role } = access;
  if (!namespace || role === null || !atLeast(role, required.role)) throw refusal(identity);
  if (!repository) {
    throw new ActError('not-found', `repository "${path.namespace}/${path.name}" does not exist`);
  }
  requireEnabled(namespace);
  if (!required.anyState && repository.state !== 'NORMAL') {
    throw new ActError('wrong-state', `Repository is in read only or mirror mode: ${repository.state}`);
  }
  return { ...access, namespace, repository, role };
}

export function requireEnabled(namespace: Pick<NamespaceFacts, 'enabled'>): void {
  if (namespace.enabled) return;
  throw new ActError('wrong-state', 'This namespace is disabled. Please contact your system administrator.');
}
