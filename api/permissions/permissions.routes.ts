import { z } from 'zod';

import type { Grantee } from '../../commands/repositories/permissions';
import { deleteRepositoryPermission, setRepositoryPermission } from '../../commands/repositories/permissions';
import { listAccountPermissions, listTeamPermissions } from '../../db/stores/permissions';
import { REPOSITORY_ROLES } from '../../model/roles';
import type { ApiDeps } from '../api-deps';
import { invalidRequest } from '../errors';
import { foundRepository } from '../found-repository';
import type { ApiRequest, ApiRoute } from '../route';
import { route } from '../route';
import { presentAccountPermission, presentTeamPermission } from './present-permission';

const change = z.looseObject({ role: z.enum(REPOSITORY_ROLES) });
const ADMIN = { access: 'repository-admin' } as const;

interface GranteePaths<Presented> {
  kind: Grantee['kind'];
  /** Of paths: `/permissions/user/`. */
  segment: 'user' | 'team';
  /** Of operation ids and messages. */
  word: 'User' | 'Team';
  list: (request: ApiRequest, name?: string) => Promise<[string, Presented][]>;
  /** What GET of one shows of it. */
  single: (presented: Presented) => unknown;
}

/** Who holds which role on a repository, users and teams alike (api spec 15). */
export function createPermissionRoutes(deps: ApiDeps): ApiRoute[] {
  const { manager } = deps.dataSource;
  return [
    ...permissionRoutes(deps, {
      kind: 'account',
      segment: 'user',
      word: 'User',
      single: (presented) => presented,
      async list(request, name) {
        const rows = await listAccountPermissions(manager, foundRepository(request).id, name);
        const inOrganization = request.repository?.namespace?.kind === 'organization';
        return rows.map((row) => [row.name, presentAccountPermission(row, inOrganization)]);
      },
    }),
    ...permissionRoutes<ReturnType<typeof presentTeamPermission>>(deps, {
      kind: 'team',
      segment: 'team',
      word: 'Team',
      single: ({ role }) => ({ role }),
      async list(request, name) {
        const rows = await listTeamPermissions(manager, foundRepository(request).id, name);
        return rows.map((row) => [row.name, presentTeamPermission(row)]);
      },
    }),
  ];
}

function permissionRoutes<Presented>(
  deps: ApiDeps,
  { kind, segment, word, list, single }: GranteePaths<Presented>,
): ApiRoute[] {
  const path = `/repository/{r}/permissions/${segment}/`;
  const target = (request: ApiRequest) => {
    const { namespace, name } = foundRepository(request);
    return { path: { namespace, name }, grantee: { kind, name: request.params.name ?? '' } };
  };
  const find = async (request: ApiRequest) => {
    const [found] = await list(request, request.params.name ?? '');
    if (!found) throw invalidRequest(`${word} does not have permission for repo.`);
    return found[1];
  };
  return [
    route({
      method: 'GET',
      path,
      operationId: `listRepo${word}Permissions`,
      ...ADMIN,
      async handle(request) {
        return { status: 200, body: { permissions: Object.fromEntries(await list(request)) } };
      },
    }),
    route({
      method: 'GET',
      path: `${path}{name}`,
      operationId: `get${word}Permissions`,
      ...ADMIN,
      async handle(request) {
        return { status: 200, body: single(await find(request)) };
      },
    }),
    route({
      method: 'PUT',
      path: `${path}{name}`,
      operationId: `change${word}Permissions`,
      ...ADMIN,
      bodySchema: change,
      async handle(request) {
        await setRepositoryPermission(deps, request, { ...target(request), role: request.body.role });
        return { status: 200, body: await find(request) };
      },
    }),
    route({
      method: 'DELETE',
      path: `${path}{name}`,
      operationId: `delete${word}Permissions`,
      ...ADMIN,
      async handle(request) {
        await deleteRepositoryPermission(deps, request, target(request));
        return { status: 204 };
      },
    }),
  ];
}
