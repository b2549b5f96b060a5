import { Account } from '../../db/entities/accounts';
import { listGrants, listTeamNames } from '../../db/stores/permissions';
import type { ApiDeps } from '../api-deps';
import { presentAvatar } from '../present/avatar';
import { booleanArgument, integerArgument } from '../query-arguments';
import type { ApiRequest, ApiResponse } from '../route';
import { presentRobot } from './present-robot';

/** Whose robots a set of routes is about. */
export interface RobotOwner {
  id: number;
  name: string;
  callerIsAdmin: boolean;
}

const AT_MOST = 10_000;

/** The robots of a namespace; tokens, teams and repositories are for those who administer it. */
export async function listRobots(
  deps: ApiDeps,
  { query }: ApiRequest,
  owner: RobotOwner,
): Promise<ApiResponse> {
  const { manager } = deps.dataSource;
  const robots = await manager.find(Account, {
    where: { ownerId: owner.id, kind: 'robot' },
    order: { name: 'ASC' },
    take: integerArgument(query, 'limit', { byDefault: AT_MOST, min: 1, max: AT_MOST }),
  });
  const withToken = owner.callerIsAdmin && booleanArgument(query, 'token', true);
  const withPermissions = owner.callerIsAdmin && booleanArgument(query, 'permissions');
  const uses = withPermissions ? await usesOf(deps, robots) : undefined;
  return {
    status: 200,
    body: {
      robots: robots.map((robot) => ({ ...presentRobot(robot, { withToken }), ...uses?.get(robot.id) })),
    },
  };
}

async function usesOf(deps: ApiDeps, robots: Account[]) {
  const { manager } = deps.dataSource;
  const ids = robots.map((robot) => robot.id);
  const teams = await listTeamNames(manager, ids);
  const grants = await listGrants(manager, ids);
  return new Map(
    ids.map((id) => [
      id,
      {
        teams: teams
          .filter((team) => team.accountId === id)
          .map(({ team: name }) => ({ name, avatar: presentAvatar(name, 'team') })),
        repositories: grants.filter((grant) => grant.accountId === id).map((grant) => grant.repository),
      },
    ]),
  );
}
