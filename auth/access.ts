import type { EntityManager } from 'typeorm';

import type { RepositoryPath } from '../model/names';
import type { AccountKind, RepositoryRole, RepositoryState, Visibility } from '../model/roles';
import type { Identity } from './identity';

/** What an identity finds at a path, and what it may do there. */
export interface RepositoryAccess {
  path: RepositoryPath;
  namespace: { id: number; name: string; kind: AccountKind; enabled: boolean } | null;
  repository: { id: number; uuid: string; visibility: Visibility; state: RepositoryState } | null;
  /** The strongest role, visibility included; null is none. */
  role: RepositoryRole | null;
  /** May create this repository by pushing to it or through the API. */
  mayCreate: boolean;
}

/** Decides from the rows as they are now (permissions spec 11); one statement for existing repositories. */
export function repositoryAccess(
  manager: EntityManager,
  identity: Identity,
  path: RepositoryPath,
): Promise<RepositoryAccess> {
  void manager;
  void identity;
  return Promise.reject(new Error(`access to ${path.namespace}/${path.name} is not decided yet`));
}
