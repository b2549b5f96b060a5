import type { NamespaceAccess, RepositoryAccess } from '../../auth/access';
import { namespaceAccess, repositoryAccess } from '../../auth/access';
import type { Identity } from '../../auth/identity';
import { accountCap, allowsSuperuser } from '../../auth/scopes';
import { ownsAccount } from '../../commands/caller';
import { parseDurationMs } from '../../model/durations';
import { parseRepositoryPath } from '../../model/names';
import type { RepositoryRole, TeamRole } from '../../model/roles';
import { atLeast, atLeastTeamRole } from '../../model/roles';
import type { ApiDeps } from '../api-deps';
import type { ApiRefusal } from '../errors';
import { ApiProblem, notFound, PlainRefusal, requiresAuthentication, unauthorized } from '../errors';
import type { ApiRoute } from '../route';
import type { Caller } from './authenticate';

export interface Granted {
  repository?: RepositoryAccess;
  namespace?: NamespaceAccess;
}

/** Lets the caller through to the handler with what was found on the way, or throws the refusal. */
export async function authorize(
  deps: ApiDeps,
  route: ApiRoute,
  caller: Caller,
  params: Record<string, string>,
): Promise<Granted> {
  const { identity } = caller;
  if (
    identity.kind === 'anonymous' &&
    route.access !== 'anyone-always' &&
    !deps.config.FEATURE_ANONYMOUS_ACCESS
  ) {
    throw new PlainRefusal(401, { error: 'Anonymous access is not allowed' });
  }
  const granted = await checkAccess(deps, route, identity, params);
  if (route.sessionOnly && !caller.session) throw refusalFor(identity, true);
  if (route.freshLogin) requireFreshLogin(deps, caller);
  if (route.normalState) requireNormalState(granted.repository);
  return granted;
}

async function checkAccess(
  deps: ApiDeps,
  { access }: ApiRoute,
  identity: Identity,
  params: Record<string, string>,
): Promise<Granted> {
  switch (access) {
    case 'anyone':
    case 'anyone-always':
      return {};
    case 'authenticated':
      return requireThat(identity.kind !== 'anonymous', identity);
    case 'signed-in':
      return requireThat(identity.kind === 'user' && accountCap(identity.scopes) !== null, identity);
    case 'user':
      return requireThat(identity.kind === 'user' && accountCap(identity.scopes) === 'admin', identity);
    case 'superuser':
      requireThat(
        identity.kind === 'user' && identity.superuser && allowsSuperuser(identity.scopes),
        identity,
      );
      return params.r === undefined ? {} : findRepository(deps, identity, params.r);
    case 'repository-read':
      return requireRepositoryRole(deps, identity, params.r ?? '', 'read');
    case 'repository-write':
      return requireRepositoryRole(deps, identity, params.r ?? '', 'write');
    case 'repository-admin':
      return requireRepositoryRole(deps, identity, params.r ?? '', 'admin');
    case 'organization-member':
      return requireNamespaceRole(deps, identity, params.o ?? '', 'member');
    case 'organization-admin':
      return requireNamespaceRole(deps, identity, params.o ?? '', 'admin');
    default:
      return access satisfies never;
  }
}

/** Nobody gets 401, somebody 403: clients throw people out on 401 (permissions spec 13.1, row 6). */
function refusalFor(identity: Identity, sessionRequired = false): ApiRefusal {
  return identity.kind === 'anonymous' ? requiresAuthentication(sessionRequired) : unauthorized();
}

function requireThat(holds: boolean, identity: Identity): Granted {
  if (!holds) throw refusalFor(identity);
  return {};
}

/** Private and absent answer alike for whoever has no rights (permissions spec 13.1, row 7). */
async function requireRepositoryRole(
  deps: ApiDeps,
  identity: Identity,
  path: string,
  role: RepositoryRole,
): Promise<Granted> {
  const repository = await accessTo(deps, identity, path);
  if (!repository || !atLeast(repository.role, role)) throw refusalFor(identity);
  if (!repository.repository) throw notFound();
  return { repository };
}

async function findRepository(deps: ApiDeps, identity: Identity, path: string): Promise<Granted> {
  const repository = await accessTo(deps, identity, path);
  if (!repository?.repository) throw notFound();
  return { repository };
}

/** Undefined when the path is not a legal name. */
async function accessTo(
  deps: ApiDeps,
  identity: Identity,
  path: string,
): Promise<RepositoryAccess | undefined> {
  const parsed = parseRepositoryPath(path);
  if (!parsed) return undefined;
  const options = { policy: deps.policy, nowMs: deps.now() };
  return repositoryAccess(deps.dataSource.manager, identity, parsed, options);
}

async function requireNamespaceRole(
  deps: ApiDeps,
  identity: Identity,
  name: string,
  role: TeamRole,
): Promise<Granted> {
  const namespace = await namespaceAccess(deps.dataSource.manager, identity, name, deps);
  if (ownsAccount(identity, namespace)) return { namespace: { ...namespace, role: 'admin' } };
  if (!atLeastTeamRole(namespace.role, role)) throw refusalFor(identity);
  return { namespace };
}

function requireFreshLogin(deps: ApiDeps, { session }: Caller): void {
  const limitMs = parseDurationMs(deps.config.FRESH_LOGIN_TIMEOUT) ?? 0;
  if (session && session.loginAtMs + limitMs < deps.now()) {
    throw new ApiProblem('fresh_login_required', 'Requires fresh login');
  }
}

function requireNormalState(access: RepositoryAccess | undefined): void {
  const state = access?.repository?.state;
  if (state === undefined || state === 'NORMAL') return;
  throw new PlainRefusal(503, { message: `Repository is in read only or mirror mode: ${state}` });
}
