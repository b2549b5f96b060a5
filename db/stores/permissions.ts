import type { EntityManager } from 'typeorm';

import type { AccountKind, RepositoryRole, Visibility } from '../../model/roles';

export interface AccountPermission {
  role: RepositoryRole;
  name: string;
  email: string | null;
  kind: AccountKind;
  /** In a team of the organization that the repository belongs to. */
  isMember: boolean;
}

/** Direct permissions of users and robots, by name; of one account only when it is named. */
export async function listAccountPermissions(
  manager: EntityManager,
  repositoryId: number,
  name?: string,
): Promise<AccountPermission[]> {
  const rows = await manager.query<AccountPermission[]>(
    `SELECT p.role, a.name, a.email, a.kind,
       EXISTS (SELECT 1 FROM team_member m JOIN team t ON t.id = m.team_id
         WHERE m.account_id = a.id AND t.organization_id = r.namespace_id) AS isMember
     FROM repository_permission p JOIN account a ON a.id = p.account_id JOIN repository r ON r.id = p.repository_id
     WHERE p.repository_id = ? ${name === undefined ? '' : 'AND a.name = ?'} ORDER BY a.name`,
    name === undefined ? [repositoryId] : [repositoryId, name],
  );
  return rows.map((row) => ({ ...row, isMember: Boolean(Number(row.isMember)) }));
}

export interface TeamPermission {
  role: RepositoryRole;
  name: string;
}

/** Permissions of teams, by name; of one team only when it is named. */
export async function listTeamPermissions(
  manager: EntityManager,
  repositoryId: number,
  name?: string,
): Promise<TeamPermission[]> {
  return await manager.query<TeamPermission[]>(
    `SELECT p.role, t.name FROM repository_permission p JOIN team t ON t.id = p.team_id
      WHERE p.repository_id = ? ${name === undefined ? '' : 'AND t.name = ?'} ORDER BY t.name`,
    name === undefined ? [repositoryId] : [repositoryId, name],
  );
}

export interface GrantedRepository {
  accountId: number;
  repository: string;
  visibility: Visibility;
  role: RepositoryRole;
}

/** The repositories that accounts hold direct permissions on. */
export async function listGrants(manager: EntityManager, accountIds: number[]): Promise<GrantedRepository[]> {
  if (accountIds.length === 0) return [];
  const rows = await manager.query<GrantedRepository[]>(
    `SELECT p.account_id AS accountId, r.name AS repository, r.visibility, p.role
       FROM repository_permission p JOIN repository r ON r.id = p.repository_id
      WHERE p.account_id IN (?) AND r.state <> 'MARKED_FOR_DELETION' ORDER BY r.name`,
    [accountIds],
  );
  return rows.map((row) => ({ ...row, accountId: Number(row.accountId) }));
}

/** The names of the teams that accounts are in. */
export async function listTeamNames(
  manager: EntityManager,
  accountIds: number[],
): Promise<{ accountId: number; team: string }[]> {
  if (accountIds.length === 0) return [];
  const rows = await manager.query<{ accountId: unknown; team: string }[]>(
    `SELECT m.account_id AS accountId, t.name AS team FROM team_member m JOIN team t ON t.id = m.team_id
      WHERE m.account_id IN (?) ORDER BY t.name`,
    [accountIds],
  );
  return rows.map((row) => ({ accountId: Number(row.accountId), team: row.team }));
}
