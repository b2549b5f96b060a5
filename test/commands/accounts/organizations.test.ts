import assert from 'node:assert/strict';

import type { DataSource } from 'typeorm';

import { namespaceAccess } from '../../../auth/access';
import type { Identity } from '../../../auth/identity';
import { ANONYMOUS } from '../../../auth/identity';
import { createOrganization } from '../../../commands/accounts/create-organization';
import { createRobot, deleteRobot, regenerateRobotToken } from '../../../commands/accounts/robots';
import { addTeamMember, createTeam } from '../../../commands/accounts/teams';
import { Account, Team, TeamMember } from '../../../db/entities/accounts';
import { RepositoryPermission } from '../../../db/entities/repositories';
import { auditOf } from '../../support/audit';
import { callerOf, proveBasic, testAuthDeps } from '../../support/auth-deps';
import { sharedDatabase } from '../../support/database';
import {
  buildOrganization,
  buildRepository,
  buildRobot,
  buildTeam,
  buildUser,
  grant,
  uniqueName,
} from '../../support/factories';

let db: DataSource;

before(async () => {
  db = await sharedDatabase();
});

async function ownedOrganization() {
  const owner = await buildUser(db);
  const { account: organization } = await buildOrganization(db, { owner: owner.account });
  return { owner, organization, caller: callerOf(owner.identity) };
}

describe('creating an organization', () => {
  it('makes the caller its owner through team owners', async () => {
    const { identity } = await buildUser(db);
    const name = uniqueName('acme');
    const organization = await createOrganization(testAuthDeps(db), callerOf(identity), { name });
    assert.deepEqual([organization.kind, organization.email], ['organization', null]);
    assert.equal((await namespaceAccess(db.manager, identity, name)).role, 'admin');
    const teams = await db.manager.findBy(Team, { organizationId: organization.id });
    assert.deepEqual(
      teams.map((team) => [team.name, team.role]),
      [['owners', 'admin']],
    );
    assert.deepEqual(await auditOf(db, organization.id), [
      { kind: 'org_create', performerId: identity.accountId, metadata: { namespace: name } },
    ]);
  });

  it('refuses a name or address in use, and leaves nothing behind', async () => {
    const { account, identity } = await buildUser(db);
    const create = (input: { name: string; email?: string | null }) =>
      createOrganization(testAuthDeps(db), callerOf(identity), input);
    await assert.rejects(create({ name: account.name }), {
      reason: 'invalid',
      message: 'A user or organization with this name already exists',
    });
    const name = uniqueName('acme');
    await assert.rejects(create({ name, email: account.email }), { reason: 'invalid', field: 'email' });
    await assert.rejects(create({ name: 'Not A Name' }), { reason: 'invalid', field: 'name' });
    assert.equal(await db.manager.countBy(Account, { name }), 0);
  });

  it('is refused to nobody, robots, disabled users, and tokens without user:admin', async () => {
    const { account, identity } = await buildUser(db);
    const robot = await buildRobot(db, { namespace: account });
    const disabled = await buildUser(db, { enabled: false });
    const attempts: [Identity, string][] = [
      [ANONYMOUS, 'unauthorized'],
      [robot.identity, 'forbidden'],
      [disabled.identity, 'forbidden'],
      [{ ...identity, via: 'oauth', scopes: ['org:admin', 'repo:admin'] }, 'forbidden'],
    ];
    for (const [caller, reason] of attempts) {
      const attempt = createOrganization(testAuthDeps(db), callerOf(caller), { name: uniqueName('acme') });
      await assert.rejects(attempt, { reason });
    }
  });
});

describe('teams', () => {
  it('are made by admins, once per name', async () => {
    const { organization, caller } = await ownedOrganization();
    const input = { organization: organization.name, name: 'devs', role: 'creator' as const };
    assert.equal((await createTeam(testAuthDeps(db), caller, input)).role, 'creator');
    await assert.rejects(createTeam(testAuthDeps(db), caller, input), { reason: 'conflict' });
    await assert.rejects(createTeam(testAuthDeps(db), caller, { ...input, name: 'No' }), {
      reason: 'invalid',
    });
    const stranger = callerOf((await buildUser(db)).identity);
    await assert.rejects(createTeam(testAuthDeps(db), stranger, { ...input, name: 'mine' }), {
      reason: 'forbidden',
    });
    const own = callerOf((await buildUser(db)).identity);
    await assert.rejects(createTeam(testAuthDeps(db), own, { ...input, organization: own.actor.name }), {
      reason: 'not-found',
    });
  });

  it('take users and robots of the organization, and say why they do not take others', async () => {
    const { organization, owner, caller } = await ownedOrganization();
    const team = await buildTeam(db, { organization });
    const user = await buildUser(db);
    const robot = await buildRobot(db, { namespace: organization });
    const foreign = await buildRobot(db, { namespace: owner.account });
    const add = (member: string) =>
      addTeamMember(testAuthDeps(db), caller, { organization: organization.name, team: team.name, member });
    await add(user.account.name);
    await add(user.account.name);
    await add(robot.account.name);
    assert.equal(await db.manager.countBy(TeamMember, { teamId: team.id }), 2);
    const entries = await auditOf(db, organization.id);
    assert.deepEqual(
      entries.map(({ kind }) => kind),
      ['org_add_team_member', 'org_add_team_member'],
    );
    await assert.rejects(add(foreign.account.name), {
      message: 'Cannot add the specified robot to this team, as it is not a member of the organization',
    });
    for (const name of [uniqueName('nobody'), organization.name]) {
      await assert.rejects(add(name), { reason: 'invalid', message: 'Unknown user' });
    }
  });
});

describe('robots', () => {
  it('are made with a token of 64 characters that signs them in', async () => {
    const { organization, caller } = await ownedOrganization();
    const deps = { ...testAuthDeps(db) };
    const robot = await createRobot(deps, caller, { namespace: organization.name, shortName: 'ci' });
    assert.equal(robot.name, `${organization.name}+ci`);
    assert.match(robot.robotToken ?? '', /^[A-Z0-9]{64}$/);
    const result = await proveBasic(deps, robot.name, robot.robotToken ?? '');
    assert.equal(result.outcome, 'accepted');
    assert.deepEqual(await auditOf(db, organization.id), [
      {
        kind: 'create_robot',
        performerId: caller.actor.accountId,
        metadata: { robot: 'ci', description: '' },
      },
    ]);
  });

  it('keep their token sealed in the row', async () => {
    const { organization, caller } = await ownedOrganization();
    const name = { namespace: organization.name, shortName: 'ci' };
    const { id, robotToken } = await createRobot(testAuthDeps(db), caller, name);
    const rows = await db.query<{ robot_token: string }[]>('SELECT robot_token FROM account WHERE id = ?', [
      id,
    ]);
    assert.match(rows[0]?.robot_token ?? '', /^v1\./);
    assert.ok(!rows[0]?.robot_token.includes(robotToken ?? ''));
  });

  it('refuse a name that is taken or not legal, and are not made where they are disallowed', async () => {
    const { organization, caller } = await ownedOrganization();
    const create = (shortName: string, config = {}) =>
      createRobot(testAuthDeps(db, { config }), caller, { namespace: organization.name, shortName });
    await create('ci');
    await assert.rejects(create('ci'), {
      reason: 'invalid',
      message: `Existing robot with name: ${organization.name}+ci`,
    });
    for (const name of ['', 'a', 'CI', 'a+b', 'x'.repeat(255)]) {
      await assert.rejects(create(name), { reason: 'invalid' });
    }
    await assert.rejects(create('other', { ROBOTS_DISALLOW: true }), /disabled/);
  });

  it('belong to those who administer the namespace', async () => {
    const { organization, owner, caller } = await ownedOrganization();
    const member = await buildUser(db);
    await buildTeam(db, { organization, role: 'creator', members: [member.account] });
    const token = (scopes: Extract<Identity, { kind: 'user' }>['scopes']): Identity => ({
      ...{ ...owner.identity, via: 'oauth', scopes },
    });
    const refused: [Identity, string][] = [
      [ANONYMOUS, 'unauthorized'],
      [member.identity, 'forbidden'],
      [token(['repo:admin', 'user:admin']), 'forbidden'],
    ];
    const name = { namespace: organization.name, shortName: 'ci' };
    for (const [identity, reason] of refused) {
      await assert.rejects(createRobot(testAuthDeps(db), callerOf(identity), name), { reason });
    }
    await createRobot(testAuthDeps(db), callerOf(token(['org:admin'])), name);
    const own = { namespace: owner.account.name, shortName: 'ci' };
    await createRobot(testAuthDeps(db), callerOf(token(['user:admin'])), own);
    const nobody = { namespace: uniqueName('nobody'), shortName: 'ci' };
    await assert.rejects(createRobot(testAuthDeps(db), caller, nobody), { reason: 'forbidden' });
  });

  it('get another token, and the old one stops working at once', async () => {
    const { organization, caller } = await ownedOrganization();
    const { account, token } = await buildRobot(db, { namespace: organization, shortName: 'ci' });
    const deps = testAuthDeps(db);
    const name = { namespace: organization.name, shortName: 'ci' };
    const renewed = await regenerateRobotToken(deps, caller, name);
    assert.equal((await proveBasic(deps, account.name, token)).outcome, 'refused');
    assert.equal((await proveBasic(deps, account.name, renewed.robotToken ?? '')).outcome, 'accepted');
  });

  it('are deleted with their permissions, and only once', async () => {
    const { organization, caller } = await ownedOrganization();
    const repository = await buildRepository(db, { namespace: organization });
    const { account } = await buildRobot(db, { namespace: organization, shortName: 'ci' });
    await grant(db, repository, account, 'write');
    const name = { namespace: organization.name, shortName: 'ci' };
    await deleteRobot(testAuthDeps(db), caller, name);
    assert.equal(await db.manager.countBy(RepositoryPermission, { repositoryId: repository.id }), 0);
    const message = 'Could not find robot with specified username';
    await assert.rejects(deleteRobot(testAuthDeps(db), caller, name), { reason: 'invalid', message });
    await assert.rejects(regenerateRobotToken(testAuthDeps(db), caller, name), {
      reason: 'invalid',
      message,
    });
  });
});
