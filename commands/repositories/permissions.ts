import { Account, Team } from '../../db/entities/accounts';
import { RepositoryPermission } from '../../db/entities/repositories';
import type { RepositoryPath } from '../../model/names';
import type { RepositoryRole } from '../../model/roles';
import type { Act } from '../act';
import { runAct, writeAudit } from '../act';
import { ActError } from '../act-error';
import type { Caller, GuardedDeps } from '../caller';
import type { FoundRepository } from './require-repository';
import { requireRepository } from './require-repository';

/** Whom a permission is for: a user or a robot of the namespace by full name, or a team of the organization. */
export type Grantee = { kind: 'account'; name: string } | { kind: 'team'; name: string };

export interface PermissionTarget {
  path: RepositoryPath;
  grantee: Grantee;
}

type GranteeRow = { accountId: number } | { teamId: number };

/** Gives a user, robot or team a role on one repository, instead of the one it had (permissions spec 5.4). */
export function setRepositoryPermission(
  deps: GuardedDeps,
  caller: Caller,
  { path, grantee, role }: PermissionTarget & { role: RepositoryRole },
): Promise<void> {
  return onPermission(deps, caller, { path, grantee }, async (act, found, row) => {
    const target = { repositoryId: found.repository.id, ...row };
    // The lock on the repository lets nobody else write the row between these two.
    const { affected } = await act.manager.update(RepositoryPermission, target, { role });
    if (!affected) await act.manager.insert(RepositoryPermission, { ...target, role });
    await audit(act, 'change_repo_permission', found, grantee, { role });
  });
}

/** Takes a direct or team permission away; it counts from the next request on, for pushes that run too. */
export function deleteRepositoryPermission(
  deps: GuardedDeps,
  caller: Caller,
  target: PermissionTarget,
): Promise<void> {
  const { grantee } = target;
  return onPermission(deps, caller, target, async (act, found, row) => {
    const { affected } = await act.manager.delete(RepositoryPermission, {
      repositoryId: found.repository.id,
      ...row,
    });
    const who = grantee.kind === 'team' ? 'Team' : 'User';
    if (!affected) throw new ActError('invalid', `${who} does not have permission for repo.`);
    await audit(act, 'delete_repo_permission', found, grantee, {});
  });
}

function onPermission(
  deps: GuardedDeps,
  caller: Caller,
  { path, grantee }: PermissionTarget,
  work: (act: Act, found: FoundRepository, row: GranteeRow) => Promise<void>,
): Promise<void> {
  return runAct(deps, caller.actor, async (act) => {
    const required = { role: 'admin', lock: 'update', anyState: true } as const;
    const found = await requireRepository(act, deps, caller.identity, path, required);
    await work(act, found, await requireGrantee(act, found, grantee));
  });
}

async function requireGrantee(
  act: Act,
  { namespace }: FoundRepository,
  grantee: Grantee,
): Promise<GranteeRow> {
  const { name } = grantee;
  if (grantee.kind === 'team') {
    const team = await act.manager.findOneBy(Team, { organizationId: namespace.id, name });
    if (team) return { teamId: team.id };
    throw new ActError('invalid', `Team "${name}" is not a team of organization "${namespace.name}"`);
  }
  if (name === namespace.name && namespace.kind === 'user') {
    throw new ActError('invalid', 'Namespace owner must always be admin.');
  }
  const account = await act.manager.findOneBy(Account, { name });
  if (!account || account.kind === 'organization') throw new ActError('invalid', `Invalid username: ${name}`);
  if (account.kind === 'robot' && account.ownerId !== namespace.id) {
    throw new ActError('invalid', `Cannot add robot ${name} under namespace ${namespace.name}`);
  }
  return { accountId: account.id };
}

function audit(
  act: Act,
  kind: string,
  { namespace, repository, path }: FoundRepository,
  grantee: Grantee,
  metadata: object,
): Promise<void> {
  const who = grantee.kind === 'team' ? { team: grantee.name } : { username: grantee.name };
  return writeAudit(
    act,
    kind,
    { namespaceId: namespace.id, repositoryId: repository.id },
    { ...who, repo: path.name, namespace: path.namespace, ...metadata },
  );
}
