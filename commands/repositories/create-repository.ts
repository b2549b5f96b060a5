import { repositoryAccess } from '../../auth/access';
import type { Repository } from '../../db/entities/repositories';
import { lockNamespace } from '../../db/stores/access';
import type { RepositoryPath } from '../../model/names';
import type { Visibility } from '../../model/roles';
import { runAct } from '../act';
import { ActError } from '../act-error';
import type { Caller, GuardedDeps } from '../caller';
import { refusal } from '../caller';
import { insertRepository } from './ensure-repository';

export interface NewRepository {
  path: RepositoryPath;
  visibility: Visibility;
  description: string;
}

/** Makes an empty repository (api spec 6); the name must be free, the caller owner, admin or creator in the namespace. */
export function createRepository(
  deps: GuardedDeps,
  caller: Caller,
  input: NewRepository,
): Promise<Repository> {
  const { path, visibility, description } = input;
  const { identity } = caller;
  return runAct(deps, caller.actor, async (act) => {
    await lockNamespace(act.manager, path.namespace);
    const access = await repositoryAccess(act.manager, identity, path, {
      policy: deps.policy,
      nowMs: act.nowMs,
    });
    if (!access.namespace || !access.mayCreate) throw refusal(identity);
    if (access.repository) throw new ActError('invalid', 'Repository already exists', 'repository');
    return insertRepository(act, { path, namespace: access.namespace, visibility, description, identity });
  });
}
