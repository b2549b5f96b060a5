import { randomBytes, randomUUID } from 'node:crypto';

import { hash } from '@node-rs/argon2';
import type { DataSource, EntityManager } from 'typeorm';

import type { Identity } from '../../auth/identity';
import { Account, Team, TeamMember } from '../../db/entities/accounts';
import { Repository, RepositoryPermission } from '../../db/entities/repositories';
import type { RepositoryRole, TeamRole } from '../../model/roles';

/** Rows are made through either: `dataSource` outside, `manager` inside a transaction. */
type Database = DataSource | EntityManager;

type UserIdentity = Extract<Identity, { kind: 'user' }>;
type RobotIdentity = Extract<Identity, { kind: 'robot' }>;

export interface BuiltUser {
  account: Account;
  identity: UserIdentity;
}

const TWO_WEEKS_MS = 14 * 86_400_000;

/** A legal name that no other test uses. */
export function uniqueName(stem: string): string {
  return `${stem}-${randomBytes(5).toString('hex')}`;
}

/** An enabled, verified user without a password unless one is given; the identity is that of a session. */
export async function buildUser(
  database: Database,
  { password, ...columns }: Partial<Account> & { password?: string } = {},
): Promise<BuiltUser> {
  const name = columns.name ?? uniqueName('user');
  const account = await saveAccount(database, {
    kind: 'user',
    name,
    email: `${name}@users.test`,
    passwordHash: password === undefined ? null : await cheapHash(password),
    verified: true,
    ...columns,
  });
  return { account, identity: sessionIdentity(account) };
}

/** An organization with team `owners`, which holds `owner` when one is given. */
export async function buildOrganization(
  database: Database,
  { owner, ...columns }: Partial<Account> & { owner?: Account } = {},
): Promise<{ account: Account; owners: Team }> {
  const account = await saveAccount(database, { kind: 'organization', name: uniqueName('org'), ...columns });
  const members = owner ? [owner] : [];
  const owners = await buildTeam(database, { organization: account, name: 'owners', role: 'admin', members });
  return { account, owners };
}

export async function buildTeam(
  database: Database,
  input: { organization: Account; name?: string; role?: TeamRole; members?: Account[] },
): Promise<Team> {
  const manager = managerOf(database);
  const team = await manager.save(
    manager.create(Team, {
      organizationId: input.organization.id,
      name: input.name ?? uniqueName('team'),
      role: input.role ?? 'member',
      createdAtMs: Date.now(),
    }),
  );
  for (const { id } of input.members ?? []) {
    await manager.insert(TeamMember, { teamId: team.id, accountId: id });
  }
  return team;
}

/** A robot of a user's or organization's namespace; `token` is its password. */
export async function buildRobot(
  database: Database,
  { namespace, shortName, ...columns }: Partial<Account> & { namespace: Account; shortName?: string },
): Promise<{ account: Account; identity: RobotIdentity; token: string }> {
  const token = randomBytes(32).toString('hex').toUpperCase();
  const account = await saveAccount(database, {
    kind: 'robot',
    name: `${namespace.name}+${shortName ?? uniqueName('bot')}`,
    ownerId: namespace.id,
    robotToken: token,
    ...columns,
  });
  const identity: RobotIdentity = {
    kind: 'robot',
    accountId: account.id,
    name: account.name,
    namespaceId: namespace.id,
  };
  return { account, identity, token };
}

/** A private repository in state NORMAL, without any permission row. */
export async function buildRepository(
  database: Database,
  { namespace, ...columns }: Partial<Repository> & { namespace: Account },
): Promise<Repository> {
  const manager = managerOf(database);
  const row = manager.create(Repository, {
    uuid: randomUUID(),
    namespaceId: namespace.id,
    name: uniqueName('repo'),
    visibility: 'private',
    state: 'NORMAL',
    badgeToken: randomUUID(),
    createdAtMs: Date.now(),
    ...columns,
  });
  return manager.save(row);
}

export async function grant(
  database: Database,
  repository: Repository,
  to: Account | Team,
  role: RepositoryRole,
): Promise<void> {
  const target = 'organizationId' in to ? { teamId: to.id } : { accountId: to.id };
  await managerOf(database).insert(RepositoryPermission, { repositoryId: repository.id, role, ...target });
}

function sessionIdentity(account: Account): UserIdentity {
  return {
    kind: 'user',
    accountId: account.id,
    name: account.name,
    superuser: account.superuser,
    via: 'session',
    scopes: null,
  };
}

async function saveAccount(database: Database, columns: Partial<Account>): Promise<Account> {
  const manager = managerOf(database);
  const { id } = await manager.save(
    manager.create(Account, {
      uuid: randomUUID(),
      tagExpirationMs: TWO_WEEKS_MS,
      createdAtMs: Date.now(),
      ...columns,
    }),
  );
  return manager.findOneByOrFail(Account, { id });
}

/** The cost is in the hash itself: a cheap one keeps tests quick and is checked like any other. */
function cheapHash(password: string): Promise<string> {
  return hash(password, { memoryCost: 64, timeCost: 1, parallelism: 1 });
}

function managerOf(database: Database): EntityManager {
  return 'manager' in database ? database.manager : database;
}
