import type { RepositoryAccess } from '../../auth/access';
import { repositoryAccess } from '../../auth/access';
import type { Identity } from '../../auth/identity';
import { RegistryError } from '../errors';
import type { Registry } from '../exchange';
import { repositoryOfName } from '../repository-name';
import type { Action, Grant, RequestedScope } from './scopes';

/** What the identity may do of what it asks for (registry spec 9.3); a first push is granted, the push makes the repository. */
export async function decideGrants(
  { deps, content }: Registry,
  identity: Identity,
  scopes: readonly RequestedScope[],
): Promise<Grant[]> {
  const grants: Grant[] = [];
  for (const { name, actions } of scopes) {
    const path = repositoryOfName(name, deps.config.SERVER_HOSTNAME);
    if (!path) throw new RegistryError('NAME_INVALID', { name });
    const options = { policy: content.policy, nowMs: deps.now() };
    const access = await repositoryAccess(deps.dataSource.manager, identity, path, options);
    if (access.namespace && !access.namespace.enabled) {
      throw new RegistryError(
        'DENIED',
        {},
        {
          status: 405,
          message: 'This namespace is disabled. Please contact your system administrator.',
        },
      );
    }
    grants.push({ name, actions: grantedActions(access, actions) });
  }
  return grants;
}

function grantedActions(access: RepositoryAccess, asked: readonly Action[]): Action[] {
  const wanted: readonly Action[] = asked.includes('*') ? ['pull', 'push', 'delete', '*'] : asked;
  return wanted.filter((action) => mayDo(access, action));
}

function mayDo({ repository, role, mayCreate }: RepositoryAccess, action: Action): boolean {
  const isNormal = repository?.state === 'NORMAL';
  switch (action) {
    case 'pull':
      return role !== null || (!repository && mayCreate);
    case 'push':
      return repository ? isNormal && (role === 'write' || role === 'admin') : mayCreate;
    case 'delete':
      return isNormal && (role === 'write' || role === 'admin');
    case '*':
      return isNormal && role === 'admin';
    default:
      return action satisfies never;
  }
}
