import type { EntityManager } from 'typeorm';

import type { RepositoryPath } from '../../model/names';
import type { AccountKind, RepositoryRole, RepositoryState, TeamRole, Visibility } from '../../model/roles';
import { REPOSITORY_ROLES, TEAM_ROLES } from '../../model/roles';
import type { CredentialRow, StoredCredential } from './credential-proofs';
import { credentialColumns, credentialOf } from './credential-proofs';
import { execute } from '../pool';

export interface NamespaceFacts {
  id: number;
  name: string;
  kind: AccountKind;
  enabled: boolean;
}

/** Everything that the decision about one caller and one namespace needs. */
export interface CallerFacts {
  namespace: NamespaceFacts;
  /** False for a disabled account, a robot of a disabled namespace, and an account that is gone. */
  callerEnabled: boolean;
  /** The namespace that the caller itself belongs to: its own, or its owner's for a robot. */
  callerHomeId: number | null;
  /** The strongest role of the caller's teams here. */
  teamRole: TeamRole | null;
}

export interface RepositoryFacts extends CallerFacts {
  /** Of the caller's account, read in the same moment. */
  credential: StoredCredential | undefined;
  repository: { id: number; uuid: string; visibility: Visibility; state: RepositoryState } | null;
  directRole: RepositoryRole | null;
  /** The strongest role that the caller's teams hold on the repository. */
  rolesOfTeams: RepositoryRole | null;
}

const REPOSITORY_RANK = REPOSITORY_ROLES.map((role) => `'${role}'`).join(', ');
const TEAM_RANK = TEAM_ROLES.map((role) => `'${role}'`).join(', ');

const CALLER_COLUMNS = `
  ns.id AS namespaceId, ns.name AS namespaceName, ns.kind AS namespaceKind, ns.enabled AS namespaceEnabled,
  me.enabled AND COALESCE(home.enabled, 1) AS callerEnabled, COALESCE(me.owner_id, me.id) AS callerHomeId,
  (SELECT MAX(FIELD(t.role, ${TEAM_RANK})) FROM team_member m JOIN team t ON t.id = m.team_id
    WHERE m.account_id = me.id AND t.organization_id = ns.id) AS teamRank`;

const CALLER_TABLES = `
  FROM account ns
  LEFT JOIN account me ON me.id = ?
  LEFT JOIN account home ON home.id = me.owner_id`;

interface CallerRow {
  namespaceId: number;
  namespaceName: string;
  namespaceKind: AccountKind;
  namespaceEnabled: number;
  callerEnabled: number | null;
  callerHomeId: number | null;
  teamRank: number | null;
}

interface RepositoryRow extends CallerRow, CredentialRow {
  repositoryId: number | null;
  uuid: string;
  visibility: Visibility;
  state: RepositoryState;
  directRole: RepositoryRole | null;
  rankOfTeams: number | null;
}

/** Undefined when no user or organization has the name; `accountId` is null for nobody and for repository tokens. */
export async function findNamespaceFacts(
  manager: EntityManager,
  accountId: number | null,
  namespace: string,
): Promise<CallerFacts | undefined> {
  const rows = await manager.query<CallerRow[]>(
    `SELECT ${CALLER_COLUMNS} ${CALLER_TABLES} WHERE ns.name = ? AND ns.kind <> 'robot'`,
    [accountId, namespace],
  );
  return rows[0] && callerFacts(rows[0]);
}

/** The same with the repository, unless it is marked for deletion: that one is gone for everybody. */
export async function findRepositoryFacts(
  manager: EntityManager,
  accountId: number | null,
  path: RepositoryPath,
): Promise<RepositoryFacts | undefined> {
  const rows = await execute<RepositoryRow[]>(
    manager,
    `SELECT ${CALLER_COLUMNS}, ${credentialColumns('me')}, r.id AS repositoryId, r.uuid, r.visibility, r.state,
       (SELECT p.role FROM repository_permission p
         WHERE p.repository_id = r.id AND p.account_id = me.id) AS directRole,
       (SELECT MAX(FIELD(p.role, ${REPOSITORY_RANK})) FROM team_member m
         JOIN team t ON t.id = m.team_id AND t.organization_id = ns.id
         JOIN repository_permission p ON p.team_id = t.id AND p.repository_id = r.id
         WHERE m.account_id = me.id) AS rankOfTeams
     ${CALLER_TABLES}
     LEFT JOIN repository r ON r.namespace_id = ns.id AND r.name = ? AND r.state <> 'MARKED_FOR_DELETION'
     WHERE ns.name = ? AND ns.kind <> 'robot'`,
    [accountId, path.name, path.namespace],
  );
  return rows[0] && repositoryFacts(rows[0]);
}

/**
 * Locks the row of a repository until the transaction ends, so that rights and state stay what they are: `update` for
 * acts whose order matters or that change the row, `share` for those that only must not overlap with such acts.
 */
export async function lockRepository(
  manager: EntityManager,
  path: RepositoryPath,
  mode: 'share' | 'update',
): Promise<void> {
  // The state is in no index, so InnoDB locks the row itself and not only an entry of the index.
  await execute<unknown>(
    manager,
    `SELECT r.state FROM repository r
     WHERE r.namespace_id = (SELECT ns.id FROM account ns WHERE ns.name = ?) AND r.name = ?
     ${mode === 'update' ? 'FOR UPDATE' : 'LOCK IN SHARE MODE'}`,
    [path.namespace, path.name],
  );
}

/** Locks the row of a namespace, so that what is made in it is made one after the other. */
export async function lockNamespace(manager: EntityManager, namespace: string): Promise<void> {
  await manager.query(`SELECT id FROM account WHERE name = ? FOR UPDATE`, [namespace]);
}

function callerFacts(row: CallerRow): CallerFacts {
  return {
    namespace: {
      id: Number(row.namespaceId),
      name: row.namespaceName,
      kind: row.namespaceKind,
      enabled: Boolean(row.namespaceEnabled),
    },
    callerEnabled: Boolean(Number(row.callerEnabled)),
    callerHomeId: row.callerHomeId === null ? null : Number(row.callerHomeId),
    teamRole: TEAM_ROLES[Number(row.teamRank) - 1] ?? null,
  };
}

function repositoryFacts(row: RepositoryRow): RepositoryFacts {
  const { repositoryId, uuid, visibility, state } = row;
  return {
    ...callerFacts(row),
    credential: credentialOf(row),
    repository: repositoryId === null ? null : { id: Number(repositoryId), uuid, visibility, state },
    directRole: row.directRole,
    rolesOfTeams: REPOSITORY_ROLES[Number(row.rankOfTeams) - 1] ?? null,
  };
}
