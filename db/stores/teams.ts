import type { EntityManager } from 'typeorm';

import type { TeamRole } from '../../model/roles';
import { TEAM_ROLES } from '../../model/roles';

export interface ListedTeam {
  name: string;
  role: TeamRole;
  description: string | null;
  repositoryCount: number;
  memberCount: number;
  /** The account that asked is in it. */
  hasCaller: boolean;
}

/** The teams of an organization in the order in which they were made. */
export async function listTeams(
  manager: EntityManager,
  organizationId: number,
  callerId: number | null,
): Promise<ListedTeam[]> {
  const rows = await manager.query<ListedTeam[]>(
    `SELECT t.name, t.role, t.description,
       (SELECT COUNT(*) FROM repository_permission p WHERE p.team_id = t.id) AS repositoryCount,
       (SELECT COUNT(*) FROM team_member m WHERE m.team_id = t.id) AS memberCount,
       EXISTS (SELECT 1 FROM team_member m WHERE m.team_id = t.id AND m.account_id = ?) AS hasCaller
     FROM team t WHERE t.organization_id = ? ORDER BY t.id`,
    [callerId, organizationId],
  );
  return rows.map((row) => ({
    ...row,
    repositoryCount: Number(row.repositoryCount),
    memberCount: Number(row.memberCount),
    hasCaller: Boolean(Number(row.hasCaller)),
  }));
}

export interface Membership {
  organization: string;
  email: string | null;
  /** The strongest role among the account's teams there. */
  role: TeamRole;
}

/** The organizations that an account is in a team of, by name. */
export async function listMemberships(manager: EntityManager, accountId: number): Promise<Membership[]> {
  const ranks = TEAM_ROLES.map((role) => `'${role}'`).join(', ');
  const rows = await manager.query<{ organization: string; email: string | null; roleRank: unknown }[]>(
    `SELECT o.name AS organization, o.email, MAX(FIELD(t.role, ${ranks})) AS roleRank
       FROM team_member m JOIN team t ON t.id = m.team_id JOIN account o ON o.id = t.organization_id
      WHERE m.account_id = ? GROUP BY o.id, o.name, o.email ORDER BY o.name`,
    [accountId],
  );
  return rows.map(({ organization, email, roleRank }) => ({
    organization,
    email,
    role: TEAM_ROLES[Number(roleRank) - 1] ?? 'member',
  }));
}
