import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import type { DataSource } from 'typeorm';

import type { AccessOptions } from '../../auth/access';
import { accessPolicy, DEFAULT_POLICY, namespaceAccess, repositoryAccess } from '../../auth/access';
import type { Identity, Scope } from '../../auth/identity';
import { ANONYMOUS } from '../../auth/identity';
import { mintRepositoryToken } from '../../auth/tokens';
import { Account, TeamMember } from '../../db/entities/accounts';
import { Build } from '../../db/entities/builds';
import type { Repository } from '../../db/entities/repositories';
import { RepositoryPermission, RepositoryToken } from '../../db/entities/repositories';
import { sharedDatabase } from '../support/database';
import {
  buildOrganization,
  buildRepository,
  buildRobot,
  buildTeam,
  buildUser,
  grant,
  uniqueName,
} from '../support/factories';

describe('repository access', () => {
  let db: DataSource;

  before(async () => {
    db = await sharedDatabase();
  });

  async function accessTo(identity: Identity, namespace: Account, name: string, options?: AccessOptions) {
    return repositoryAccess(db.manager, identity, { namespace: namespace.name, name }, options);
  }

  async function roleOn(
    identity: Identity,
    namespace: Account,
    repository: Repository,
    options?: AccessOptions,
  ) {
    return (await accessTo(identity, namespace, repository.name, options)).role;
  }

  async function organizationWithRepository(columns: Partial<Repository> = {}) {
    const owner = await buildUser(db);
    const { account: organization } = await buildOrganization(db, { owner: owner.account });
    const repository = await buildRepository(db, { namespace: organization, ...columns });
    return { owner, organization, repository };
  }

  it('gives the owner of a personal namespace admin, on what is there and on what is not', async () => {
    const { account, identity } = await buildUser(db);
    const repository = await buildRepository(db, { namespace: account });
    const access = await accessTo(identity, account, repository.name);
    assert.equal(access.role, 'admin');
    assert.deepEqual(access.namespace, { id: account.id, name: account.name, kind: 'user', enabled: true });
    assert.deepEqual(access.repository, {
      id: repository.id,
      uuid: repository.uuid,
      visibility: 'private',
      state: 'NORMAL',
    });
    const absent = await accessTo(identity, account, 'nothing-here');
    assert.deepEqual([absent.repository, absent.role, absent.mayCreate], [null, 'admin', true]);
  });

  it('gives an organization admin every repository of that organization and none of another', async () => {
    const a = await organizationWithRepository();
    const b = await organizationWithRepository();
    assert.equal(await roleOn(a.owner.identity, a.organization, a.repository), 'admin');
    assert.equal(await roleOn(a.owner.identity, b.organization, b.repository), null);
  });

  it('lets a collaborator pull the one repository that was shared', async () => {
    const { organization, repository } = await organizationWithRepository();
    const other = await buildRepository(db, { namespace: organization });
    const { account, identity } = await buildUser(db);
    await grant(db, repository, account, 'read');
    assert.equal(await roleOn(identity, organization, repository), 'read');
    assert.equal(await roleOn(identity, organization, other), null);
    assert.equal((await accessTo(identity, organization, 'new')).mayCreate, false);
  });

  it('takes the strongest of direct and team permissions', async () => {
    const { organization, repository } = await organizationWithRepository();
    const { account, identity } = await buildUser(db);
    await grant(db, repository, account, 'read');
    for (const role of ['write', 'read'] as const) {
      const team = await buildTeam(db, { organization, members: [account] });
      await grant(db, repository, team, role);
    }
    assert.equal(await roleOn(identity, organization, repository), 'write');
  });

  it('shows a member without grants nothing private', async () => {
    const { organization, repository } = await organizationWithRepository();
    const { account, identity } = await buildUser(db);
    await buildTeam(db, { organization, members: [account] });
    const access = await accessTo(identity, organization, repository.name);
    assert.deepEqual([access.role, access.mayCreate], [null, false]);
  });

  it('lets a creator create but see nothing of others, and keep what the creator administers after leaving', async () => {
    const { organization, repository } = await organizationWithRepository();
    const { account, identity } = await buildUser(db);
    await buildTeam(db, { organization, role: 'creator', members: [account] });
    assert.equal((await accessTo(identity, organization, 'new')).mayCreate, true);
    assert.equal(await roleOn(identity, organization, repository), null);
    const own = await buildRepository(db, { namespace: organization });
    await grant(db, own, account, 'admin');
    await db.getRepository(TeamMember).delete({ accountId: account.id });
    assert.equal(await roleOn(identity, organization, own), 'admin');
    assert.equal((await accessTo(identity, organization, 'new')).mayCreate, false);
  });

  it('lets everybody read what is public and nobody write it', async () => {
    const { organization, repository } = await organizationWithRepository({ visibility: 'public' });
    const { identity } = await buildUser(db);
    assert.equal(await roleOn(ANONYMOUS, organization, repository), 'read');
    assert.equal(await roleOn(identity, organization, repository), 'read');
    const policy = { ...DEFAULT_POLICY, anonymousAccess: false };
    assert.equal(await roleOn(ANONYMOUS, organization, repository, { policy }), null);
    assert.equal(await roleOn(identity, organization, repository, { policy }), 'read');
  });

  it('answers alike for what is private and what is absent', async () => {
    const { organization, repository } = await organizationWithRepository();
    const { identity } = await buildUser(db);
    for (const caller of [ANONYMOUS, identity]) {
      const hidden = await accessTo(caller, organization, repository.name);
      const absent = await accessTo(caller, organization, 'absent');
      assert.deepEqual([hidden.role, hidden.mayCreate], [absent.role, absent.mayCreate]);
      assert.equal(hidden.role, null);
    }
  });

  it('knows no repository in a namespace that is not there, and none of a robot as a namespace', async () => {
    const { account, identity } = await buildUser(db);
    const robot = await buildRobot(db, { namespace: account });
    for (const namespace of [uniqueName('nobody'), robot.account.name]) {
      const access = await repositoryAccess(db.manager, identity, { namespace, name: 'app' });
      assert.deepEqual([access.namespace, access.role, access.mayCreate], [null, null, false]);
    }
  });

  it('does not see a repository that is marked for deletion', async () => {
    const { owner, organization, repository } = await organizationWithRepository({
      state: 'MARKED_FOR_DELETION',
    });
    assert.equal((await accessTo(owner.identity, organization, repository.name)).repository, null);
  });

  const caps: [Scope[], string | null, boolean][] = [
    [['repo:read'], 'read', false],
    [['repo:write'], 'write', false],
    [['repo:read', 'repo:admin'], 'admin', false],
    [['repo:create'], null, true],
    [['org:admin'], null, true],
    [['user:admin', 'super:user'], null, false],
  ];
  for (const [scopes, role, mayCreate] of caps) {
    it(`caps an admin's token with ${scopes.join(' ')} at ${role ?? 'nothing'}`, async () => {
      const { owner, organization, repository } = await organizationWithRepository();
      const identity: Identity = { ...owner.identity, via: 'oauth', scopes };
      const access = await accessTo(identity, organization, repository.name);
      assert.deepEqual([access.role, access.mayCreate], [role, mayCreate]);
    });
  }

  it('does not raise a reader by the scopes of a token', async () => {
    const { organization, repository } = await organizationWithRepository();
    const { account, identity } = await buildUser(db);
    await grant(db, repository, account, 'read');
    assert.equal(
      await roleOn({ ...identity, via: 'oauth', scopes: ['repo:admin'] }, organization, repository),
      'read',
    );
  });

  it('gives a robot its own rows and those of its teams, and no more', async () => {
    const { organization, repository } = await organizationWithRepository();
    const other = await buildRepository(db, { namespace: organization });
    const robot = await buildRobot(db, { namespace: organization });
    await grant(db, repository, robot.account, 'write');
    assert.equal(await roleOn(robot.identity, organization, repository), 'write');
    assert.equal(await roleOn(robot.identity, organization, other), null);
    await buildTeam(db, { organization, role: 'admin', members: [robot.account] });
    assert.equal(await roleOn(robot.identity, organization, other), 'admin');
  });

  it("gives a robot nothing in its owner's namespace by itself", async () => {
    const owner = await buildUser(db);
    const repository = await buildRepository(db, { namespace: owner.account });
    const robot = await buildRobot(db, { namespace: owner.account });
    const access = await accessTo(robot.identity, owner.account, repository.name);
    assert.deepEqual([access.role, access.mayCreate], [null, false]);
  });

  it('refuses a robot of another namespace, by permission and by team', async () => {
    const { organization, repository } = await organizationWithRepository();
    const robot = await buildRobot(db, { namespace: (await buildUser(db)).account });
    await grant(db, repository, robot.account, 'admin');
    await buildTeam(db, { organization, role: 'admin', members: [robot.account] });
    const access = await accessTo(robot.identity, organization, repository.name);
    assert.deepEqual([access.role, access.mayCreate], [null, false]);
  });

  it('gives a disabled account and the robots of a disabled namespace nothing, not even what is public', async () => {
    const { account, identity } = await buildUser(db);
    const repository = await buildRepository(db, { namespace: account, visibility: 'public' });
    const robot = await buildRobot(db, { namespace: account });
    await grant(db, repository, robot.account, 'write');
    assert.equal(await roleOn(robot.identity, account, repository), 'write');
    await db.manager.update(Account, account.id, { enabled: false });
    for (const caller of [identity, robot.identity]) {
      const access = await accessTo(caller, account, repository.name);
      assert.deepEqual([access.role, access.mayCreate, access.namespace?.enabled], [null, false, false]);
    }
  });

  it('takes effect at once when a permission is taken away', async () => {
    const { organization, repository } = await organizationWithRepository();
    const { account, identity } = await buildUser(db);
    await grant(db, repository, account, 'write');
    assert.equal(await roleOn(identity, organization, repository), 'write');
    await db.manager.delete(RepositoryPermission, { accountId: account.id });
    assert.equal(await roleOn(identity, organization, repository), null);
  });

  it('shows a superuser only what is his own, unless superusers have full access', async () => {
    const { organization, repository } = await organizationWithRepository();
    const { identity } = await buildUser(db, { superuser: true });
    const policy = { ...DEFAULT_POLICY, superusersHaveFullAccess: true };
    assert.equal(await roleOn(identity, organization, repository), null);
    assert.equal(await roleOn(identity, organization, repository, { policy }), 'admin');
    assert.equal((await accessTo(identity, organization, 'new', { policy })).mayCreate, true);
    const token: Identity = { ...identity, via: 'oauth', scopes: ['repo:admin'] };
    assert.equal(await roleOn(token, organization, repository, { policy }), null);
    const full: Identity = { ...identity, via: 'oauth', scopes: ['repo:read', 'super:user'] };
    assert.equal(await roleOn(full, organization, repository, { policy }), 'read');
  });

  it('lets an auditor read everything and write nothing by it, superuser or not', async () => {
    const { organization, repository } = await organizationWithRepository();
    const { identity } = await buildUser(db, { superuser: true });
    const policy = { ...DEFAULT_POLICY, superusersHaveFullAccess: true, auditors: [identity.name] };
    const access = await accessTo(identity, organization, repository.name, { policy });
    assert.deepEqual([access.role, access.mayCreate], ['read', false]);
  });

  it('reads its policy from the configuration', () => {
    assert.deepEqual(
      accessPolicy({
        FEATURE_ANONYMOUS_ACCESS: false,
        FEATURE_SUPERUSERS_FULL_ACCESS: true,
        GLOBAL_READONLY_SUPER_USERS: ['eve'],
        ROBOTS_DISALLOW: true,
        ROBOTS_WHITELIST: ['acme+ci'],
        CREATE_NAMESPACE_ON_PUSH: true,
      }),
      {
        ...{ anonymousAccess: false, superusersHaveFullAccess: true, auditors: ['eve'], robots: ['acme+ci'] },
        namespacesOnPush: true,
      },
    );
  });

  describe('of a repository token', () => {
    async function withToken(buildUuid?: string) {
      const { organization, repository } = await organizationWithRepository();
      const kind = buildUuid === undefined ? ('trigger' as const) : ('build' as const);
      const minted = await mintRepositoryToken(db.manager, {
        ...{ repositoryId: repository.id, kind, role: 'write', friendlyName: 'test' },
        ...{ buildUuid, expiresAtMs: Date.now() + 60_000, nowMs: Date.now() },
      });
      const identity: Identity = {
        kind: 'repository-token',
        tokenUuid: minted.uuid,
        repositoryId: repository.id,
        role: 'write',
        purpose: kind,
        buildUuid: buildUuid ?? null,
        friendlyName: 'test',
      };
      return { organization, repository, identity, minted };
    }

    it('is its role on its one repository, and what is public elsewhere', async () => {
      const { organization, repository, identity } = await withToken();
      const hidden = await buildRepository(db, { namespace: organization });
      const shown = await buildRepository(db, { namespace: organization, visibility: 'public' });
      assert.equal(await roleOn(identity, organization, repository), 'write');
      assert.equal(await roleOn(identity, organization, hidden), null);
      assert.equal(await roleOn(identity, organization, shown), 'read');
      assert.equal((await accessTo(identity, organization, 'new')).mayCreate, false);
    });

    it('ends with revocation and with expiry', async () => {
      const { organization, repository, identity, minted } = await withToken();
      assert.equal(await roleOn(identity, organization, repository, { nowMs: Date.now() + 120_000 }), null);
      await db.manager.update(RepositoryToken, minted.id, { revokedAtMs: Date.now() });
      assert.equal(await roleOn(identity, organization, repository), null);
    });

    it('of a build lives as long as the build runs', async () => {
      const uuid = randomUUID();
      const { organization, repository, identity } = await withToken(uuid);
      await db.manager.insert(Build, {
        ...{ uuid, repositoryId: repository.id, phase: 'pushing', displayName: 'b', dockerTags: [] },
        ...{ context: '/', dockerfilePath: '/Dockerfile', triggerMetadata: {}, status: {}, createdAtMs: 1 },
      });
      assert.equal(await roleOn(identity, organization, repository), 'write');
      const path = { namespace: organization.name, name: repository.name };
      const locked = await db.transaction((manager) =>
        repositoryAccess(manager, identity, path, { lockToken: true }),
      );
      assert.equal(locked.role, 'write');
      await db.manager.update(Build, { uuid }, { phase: 'cancelled' });
      assert.equal(await roleOn(identity, organization, repository), null);
    });
  });
});

describe('namespace access', () => {
  it('is the strongest team role, capped by the scopes of a token', async () => {
    const db = await sharedDatabase();
    const { account, identity } = await buildUser(db);
    const { account: organization } = await buildOrganization(db);
    const role = async (caller: Identity) =>
      (await namespaceAccess(db.manager, caller, organization.name)).role;
    assert.equal(await role(identity), null);
    assert.equal(await role(ANONYMOUS), null);
    await buildTeam(db, { organization, members: [account] });
    assert.equal(await role(identity), 'member');
    await buildTeam(db, { organization, role: 'admin', members: [account] });
    assert.equal(await role(identity), 'admin');
    assert.equal(await role({ ...identity, via: 'oauth', scopes: ['repo:create'] }), 'creator');
    assert.equal(await role({ ...identity, via: 'oauth', scopes: ['repo:admin', 'user:admin'] }), null);
  });

  it('is admin on the own name, and nothing on that of another user', async () => {
    const db = await sharedDatabase();
    const [a, b] = [await buildUser(db), await buildUser(db)];
    assert.equal((await namespaceAccess(db.manager, a.identity, a.account.name)).role, 'admin');
    const foreign = await namespaceAccess(db.manager, a.identity, b.account.name);
    assert.deepEqual([foreign.namespace?.id, foreign.role], [b.account.id, null]);
    assert.deepEqual(await namespaceAccess(db.manager, a.identity, uniqueName('none')), {
      namespace: null,
      role: null,
    });
  });
});
