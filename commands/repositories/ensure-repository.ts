import { randomUUID } from 'node:crypto';

import type { RepositoryAccess } from '../../auth/access';
import { repositoryAccess } from '../../auth/access';
import type { Identity } from '../../auth/identity';
import { Account } from '../../db/entities/accounts';
import { Repository, RepositoryPermission } from '../../db/entities/repositories';
import type { NamespaceFacts } from '../../db/stores/access';
import { lockNamespace } from '../../db/stores/access';
import { lockInstallation } from '../../db/stores/accounts';
import type { RepositoryPath } from '../../model/names';
import { isRepositoryName } from '../../model/names';
import type { Visibility } from '../../model/roles';
import { insertOrganization } from '../accounts/create-organization';
import type { AccountDefaults } from '../accounts/insert-account';
import type { Act } from '../act';
import { writeAudit } from '../act';
import { ActError } from '../act-error';
import type { GuardedDeps } from '../caller';
import { refusal } from '../caller';
import { requireEnabled } from './require-repository';

export interface PushCreation extends Pick<GuardedDeps, 'policy'> {
  /** `CREATE_PRIVATE_REPO_ON_PUSH`; private unless this is false. */
  privateOnPush?: boolean;
  /** What namespaces begin with that a push makes, where the policy lets it. */
  newNamespaces?: AccountDefaults;
}

/**
 * Makes the repository of a first push unless it is there already: of several pushes at once one makes it and the
 * others find it. Refuses who may not create in the namespace. Locks the namespace until the act ends.
 */
export async function ensureRepository(
  act: Act,
  deps: PushCreation,
  identity: Identity,
  path: RepositoryPath,
): Promise<void> {
  let access = await lockedAccess(act, deps, identity, path);
  if (!access.namespace && access.mayCreate) {
    await ensureNamespace(act, deps, identity, path);
    access = await lockedAccess(act, deps, identity, path);
  }
  if (access.repository) return;
  if (!access.namespace || !access.mayCreate) throw refusal(identity);
  const visibility = deps.privateOnPush === false ? 'public' : 'private';
  await insertRepository(act, { path, namespace: access.namespace, visibility, identity });
}

async function lockedAccess(
  act: Act,
  { policy }: PushCreation,
  identity: Identity,
  path: RepositoryPath,
): Promise<RepositoryAccess> {
  await lockNamespace(act.manager, path.namespace);
  return repositoryAccess(act.manager, identity, path, { policy, nowMs: act.nowMs });
}

/** Clients push several layers at once: one of them makes the organization, and the others wait and find it. */
async function ensureNamespace(
  act: Act,
  { newNamespaces }: PushCreation,
  identity: Identity,
  { namespace: name }: RepositoryPath,
): Promise<void> {
  if (!newNamespaces) throw refusal(identity);
  await lockInstallation(act.manager);
  if (await act.manager.existsBy(Account, { name })) return;
  await insertOrganization(act, newNamespaces, identity, { name });
}

export interface NewRepositoryRow {
  path: RepositoryPath;
  namespace: NamespaceFacts;
  visibility: Visibility;
  description?: string;
  /** Whoever makes it administers it, whatever becomes of the team that allowed it. */
  identity: Identity;
}

/** The rows and the log entry of a new repository; the caller has locked the namespace and found the name free. */
export async function insertRepository(act: Act, input: NewRepositoryRow): Promise<Repository> {
  const { path, namespace, identity } = input;
  requireEnabled(namespace);
  if (!isRepositoryName(path.name)) {
    throw new ActError('invalid', `Invalid repository name "${path.name}"`, 'repository');
  }
  const repository = await act.manager.save(
    act.manager.create(Repository, {
      ...{ uuid: randomUUID(), namespaceId: namespace.id, name: path.name, visibility: input.visibility },
      ...{ state: 'NORMAL', description: input.description ?? null },
      ...{ badgeToken: randomUUID(), createdAtMs: act.nowMs },
    }),
  );
  if (identity.kind === 'user' || identity.kind === 'robot') {
    await act.manager.insert(RepositoryPermission, {
      repositoryId: repository.id,
      accountId: identity.accountId,
      role: 'admin',
    });
  }
  await writeAudit(
    act,
    'create_repo',
    { namespaceId: namespace.id, repositoryId: repository.id },
    { repo: path.name, namespace: path.namespace },
  );
  return repository;
}
