import { IsNull } from 'typeorm';

import { Repository, RepositoryToken } from '../../db/entities/repositories';
import type { RepositoryPath } from '../../model/names';
import type { Visibility } from '../../model/roles';
import type { Act } from '../act';
import { runAct, writeAudit } from '../act';
import type { Caller, GuardedDeps } from '../caller';
import type { FoundRepository } from './require-repository';
import { requireRepository } from './require-repository';

/** Opens a repository to everybody or closes it; needs role admin, in any state. */
export function changeVisibility(
  deps: GuardedDeps,
  caller: Caller,
  { path, visibility }: { path: RepositoryPath; visibility: Visibility },
): Promise<void> {
  return runAct(deps, caller.actor, async (act) => {
    const required = { role: 'admin', lock: 'update', anyState: true } as const;
    const found = await requireRepository(act, deps, caller.identity, path, required);
    await act.manager.update(Repository, { id: found.repository.id }, { visibility });
    await audit(act, 'change_repo_visibility', found, { visibility });
  });
}

/** Sets the text that people read, in markdown; needs role write. */
export function setDescription(
  deps: GuardedDeps,
  caller: Caller,
  { path, description }: { path: RepositoryPath; description: string },
): Promise<void> {
  return runAct(deps, caller.actor, async (act) => {
    const required = { role: 'write', lock: 'update', anyState: true } as const;
    const found = await requireRepository(act, deps, caller.identity, path, required);
    await act.manager.update(Repository, { id: found.repository.id }, { description });
    await audit(act, 'set_repo_description', found, { description });
  });
}

/**
 * Hides a repository at once and gives its name free; a sweep removes what it holds. Its tokens die with it, so no
 * webhook and no running build reaches it any more.
 */
export function deleteRepository(deps: GuardedDeps, caller: Caller, path: RepositoryPath): Promise<void> {
  return runAct(deps, caller.actor, async (act) => {
    const required = { role: 'admin', lock: 'update', anyState: true } as const;
    const found = await requireRepository(act, deps, caller.identity, path, required);
    const { id, uuid } = found.repository;
    await act.manager.update(Repository, { id }, { state: 'MARKED_FOR_DELETION', name: uuid });
    const tokens = { repositoryId: id, revokedAtMs: IsNull() };
    await act.manager.update(RepositoryToken, tokens, { revokedAtMs: act.nowMs });
    await audit(act, 'delete_repo', found, {});
  });
}

function audit(act: Act, kind: string, found: FoundRepository, metadata: object): Promise<void> {
  const { namespace, repository, path } = found;
  const subject = { namespaceId: namespace.id, repositoryId: repository.id };
  return writeAudit(act, kind, subject, { repo: path.name, namespace: path.namespace, ...metadata });
}
