import { z } from 'zod';

import { createRobot, deleteRobot, regenerateRobotToken } from '../../commands/accounts/robots';
import { Account } from '../../db/entities/accounts';
import { listGrants } from '../../db/stores/permissions';
import type { ApiDeps } from '../api-deps';
import { PlainRefusal } from '../errors';
import type { ApiRequest, ApiRoute, RouteAccess } from '../route';
import { route } from '../route';
import { signedInUser } from '../signed-in-user';
import type { RobotOwner } from './list-robots';
import { listRobots } from './list-robots';
import { presentRobot } from './present-robot';

const newRobot = z.looseObject({
  description: z.string().max(255, 'must have at most 255 characters').nullish(),
  unstructured_metadata: z.record(z.string(), z.unknown()).nullish(),
});

interface RobotPaths {
  prefix: string;
  /** Of operation ids: `createUserRobot`, `createOrgRobot`. */
  word: 'User' | 'Org';
  list: RouteAccess;
  admin: RouteAccess;
  owner: (request: ApiRequest) => RobotOwner;
}

/** Robots of oneself and of organizations: the same routes under two prefixes (api spec 14). */
export function createRobotRoutes(deps: ApiDeps): ApiRoute[] {
  return [
    ...robotRoutes(deps, {
      prefix: '/user/robots',
      word: 'User',
      list: 'user',
      admin: 'user',
      owner(request) {
        const { accountId, name } = signedInUser(request);
        return { id: accountId, name, callerIsAdmin: true };
      },
    }),
    ...robotRoutes(deps, {
      prefix: '/organization/{o}/robots',
      word: 'Org',
      list: 'organization-member',
      admin: 'organization-admin',
      owner({ namespace: access }) {
        const { id = 0, name = '' } = access?.namespace ?? {};
        return { id, name, callerIsAdmin: access?.role === 'admin' };
      },
    }),
  ];
}

function robotRoutes(deps: ApiDeps, { prefix, word, list, admin, owner }: RobotPaths): ApiRoute[] {
  const one = `${prefix}/{short}`;
  /** The robot that the path names; commands judge the rights once more, inside their transaction. */
  const find = async (request: ApiRequest) => {
    const { id, name: namespace } = owner(request);
    const shortName = request.params.short ?? '';
    const where = { name: `${namespace}+${shortName}`, kind: 'robot' as const, ownerId: id };
    const robot = await deps.dataSource.manager.findOneBy(Account, where);
    if (!robot) throw new PlainRefusal(400, { message: 'Could not find robot with specified username' });
    return { robot, name: { namespace, shortName } };
  };
  return [
    route({
      method: 'GET',
      path: prefix,
      operationId: `get${word}Robots`,
      access: list,
      handle: (request) => listRobots(deps, request, owner(request)),
    }),
    route({
      method: 'GET',
      path: one,
      operationId: `get${word}Robot`,
      access: admin,
      async handle(request) {
        const { robot } = await find(request);
        return { status: 200, body: presentSingle(robot) };
      },
    }),
    route({
      method: 'PUT',
      path: one,
      operationId: `create${word}Robot`,
      access: admin,
      bodySchema: newRobot,
      optionalBody: true,
      async handle(request) {
        const shortName = request.params.short ?? '';
        const description = request.body.description ?? '';
        const input = { namespace: owner(request).name, shortName, description };
        return { status: 201, body: presentSingle(await createRobot(deps, request, input)) };
      },
    }),
    route({
      method: 'DELETE',
      path: one,
      operationId: `delete${word}Robot`,
      access: admin,
      async handle(request) {
        await deleteRobot(deps, request, (await find(request)).name);
        return { status: 204 };
      },
    }),
    route({
      method: 'POST',
      path: `${one}/regenerate`,
      operationId: `regenerate${word}RobotToken`,
      access: admin,
      async handle(request) {
        const robot = await regenerateRobotToken(deps, request, (await find(request)).name);
        return { status: 200, body: presentRobot(robot, { withToken: true }) };
      },
    }),
    route({
      method: 'GET',
      path: `${one}/permissions`,
      operationId: `get${word}RobotPermissions`,
      access: admin,
      async handle(request) {
        const { robot } = await find(request);
        const grants = await listGrants(deps.dataSource.manager, [robot.id]);
        const permissions = grants.map(({ repository, visibility, role }) => ({
          repository: { name: repository, is_public: visibility === 'public' },
          role,
        }));
        return { status: 200, body: { permissions } };
      },
    }),
  ];
}

function presentSingle(robot: Account) {
  return { ...presentRobot(robot, { withToken: true }), unstructured_metadata: {} };
}
