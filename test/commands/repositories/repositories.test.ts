import assert from 'node:assert/strict';

import type { DataSource } from 'typeorm';

import { repositoryAccess } from '../../../auth/access';
import type { Identity } from '../../../auth/identity';
import { ANONYMOUS } from '../../../auth/identity';
import { mintRepositoryToken } from '../../../auth/tokens';
import { runAct, SYSTEM } from '../../../commands/act';
import {
  changeVisibility,
  deleteRepository,
  setDescription,
} from '../../../commands/repositories/change-repository';
import { createRepository } from '../../../commands/repositories/create-repository';
import { ensureRepository } from '../../../commands/repositories/ensure-repository';
import {
  deleteRepositoryPermission,
  setRepositoryPermission,
} from '../../../commands/repositories/permissions';
import { requireRepository } from '../../../commands/repositories/require-repository';
import { Account } from '../../../db/entities/accounts';
import { Repository, RepositoryPermission, RepositoryToken } from '../../../db/entities/repositories';
import { auditOf } from '../../support/audit';
import { callerOf, testAuthDeps } from '../../support/auth-deps';
import { sharedDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
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

async function ownRepository(columns: Partial<Repository> = {}) {
  const owner = await buildUser(db);
  const repository = await buildRepository(db, { namespace: owner.account, ...columns });
  const path = { namespace: owner.account.name, name: repository.name };
  return { owner, repository, path, caller: callerOf(owner.identity) };
}

/** A transaction waits for a lock that another one holds. */
function somebodyWaits(): Promise<void> {
  const check = async () => {
    const sql = `SELECT trx_id FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'`;
    const waiting = await db.query<unknown[]>(sql);
    assert.notEqual(waiting.length, 0, 'nobody waits for a lock');
  };
  // The server answers from a cache that it renews only after 100 ms without a question.
  return eventually(check, 10_000, 200);
}

function find(id: number): Promise<Repository> {
  return db.manager.findOneByOrFail(Repository, { id });
}

describe('creating a repository', () => {
  it('gives its creator admin and tells the log', async () => {
    const { account: organization } = await buildOrganization(db);
    const creator = await buildUser(db);
    await buildTeam(db, { organization, role: 'creator', members: [creator.account] });
    const path = { namespace: organization.name, name: 'group/app' };
    const repository = await createRepository(testAuthDeps(db), callerOf(creator.identity), {
      ...{ path, visibility: 'public', description: 'an app' },
    });
    assert.deepEqual(
      [repository.visibility, repository.description, repository.state],
      ['public', 'an app', 'NORMAL'],
    );
    assert.equal((await repositoryAccess(db.manager, creator.identity, path)).role, 'admin');
    assert.deepEqual(await auditOf(db, organization.id), [
      {
        ...{ kind: 'create_repo', performerId: creator.account.id },
        metadata: { repo: 'group/app', namespace: organization.name },
      },
    ]);
  });

  it('refuses a name that is taken or not legal, and who may not create', async () => {
    const { path, caller, owner } = await ownRepository();
    const create = (by: Identity, name: string) => {
      const input = { path: { ...path, name }, visibility: 'private' as const, description: '' };
      return createRepository(testAuthDeps(db), callerOf(by), input);
    };
    await assert.rejects(create(caller.identity, path.name), {
      reason: 'invalid',
      message: /already exists/,
    });
    for (const name of ['', 'Upper', '-a', 'a//b', 'x'.repeat(256)]) {
      await assert.rejects(create(caller.identity, name), { reason: 'invalid' });
    }
    const stranger = await buildUser(db);
    // Whether the name is taken is nobody else's business.
    for (const name of [path.name, 'free']) {
      await assert.rejects(create(stranger.identity, name), { reason: 'forbidden' });
      await assert.rejects(create(ANONYMOUS, name), { reason: 'unauthorized' });
    }
    await db.manager.update(Account, owner.account.id, { enabled: false });
    await assert.rejects(create(caller.identity, 'free'), { reason: 'forbidden' });
  });

  it('happens once when several ask for the same name at once', async () => {
    const { account, identity } = await buildUser(db);
    const input = {
      ...{ path: { namespace: account.name, name: 'app' }, visibility: 'private' as const, description: '' },
    };
    const attempts = [1, 2, 3].map(() => createRepository(testAuthDeps(db), callerOf(identity), input));
    const outcomes = await Promise.allSettled(attempts);
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') assert.match(String(outcome.reason), /already exists/);
    }
  });
});

describe('the repository of a first push', () => {
  function ensure(identity: Identity, namespace: Account, name: string, privateOnPush?: boolean) {
    const path = { namespace: namespace.name, name };
    return runAct(testAuthDeps(db), SYSTEM, (act) =>
      ensureRepository(act, { privateOnPush }, identity, path),
    );
  }

  it('is private unless the configuration says otherwise', async () => {
    const { account, identity } = await buildUser(db);
    await ensure(identity, account, 'hidden');
    await ensure(identity, account, 'shown', false);
    const rows = await db.manager.find(Repository, {
      where: { namespaceId: account.id },
      order: { id: 'ASC' },
    });
    assert.deepEqual(
      rows.map((row) => [row.name, row.visibility]),
      [
        ['hidden', 'private'],
        ['shown', 'public'],
      ],
    );
  });

  it('is made once by pushes that come together', async () => {
    const { account: organization } = await buildOrganization(db);
    const robot = await buildRobot(db, { namespace: organization });
    await buildTeam(db, { organization, role: 'creator', members: [robot.account] });
    await Promise.all(Array.from({ length: 6 }, () => ensure(robot.identity, organization, 'app')));
    const [repository, ...others] = await db.manager.findBy(Repository, { namespaceId: organization.id });
    assert.ok(repository);
    assert.equal(others.length, 0);
    const permissions = await db.manager.findBy(RepositoryPermission, { repositoryId: repository.id });
    assert.deepEqual(
      permissions.map((row) => [row.accountId, row.role]),
      [[robot.account.id, 'admin']],
    );
    assert.equal((await auditOf(db, organization.id)).length, 1);
  });

  it('is refused to whoever may not create, and in a disabled namespace', async () => {
    const { account: organization } = await buildOrganization(db);
    const robot = await buildRobot(db, { namespace: organization });
    await assert.rejects(ensure(robot.identity, organization, 'app'), { reason: 'forbidden' });
    await assert.rejects(ensure(ANONYMOUS, organization, 'app'), { reason: 'unauthorized' });
    const owner = await buildUser(db);
    const { account: off } = await buildOrganization(db, { owner: owner.account, enabled: false });
    await assert.rejects(ensure(owner.identity, off, 'app'), { reason: 'wrong-state' });
  });
});

describe('a write to a repository', () => {
  function write(identity: Identity, path: { namespace: string; name: string }, anyState?: boolean) {
    const required = { role: 'write', lock: 'share', anyState } as const;
    return runAct(testAuthDeps(db), SYSTEM, (act) => requireRepository(act, {}, identity, path, required));
  }

  it('answers alike to outsiders whether the repository is hidden or absent', async () => {
    const { path } = await ownRepository();
    const { identity } = await buildUser(db);
    const absent = { ...path, name: 'absent' };
    const nowhere = { namespace: uniqueName('nobody'), name: 'app' };
    for (const target of [path, absent, nowhere]) {
      await assert.rejects(write(identity, target), { reason: 'forbidden', message: 'Unauthorized' });
      await assert.rejects(write(ANONYMOUS, target), { reason: 'unauthorized' });
    }
  });

  it('tells those who administer the namespace that it is absent', async () => {
    const { path, caller } = await ownRepository();
    await assert.rejects(write(caller.identity, { ...path, name: 'absent' }), { reason: 'not-found' });
  });

  it('is refused to readers, also of what is public', async () => {
    const { path, repository } = await ownRepository({ visibility: 'public' });
    const reader = await buildUser(db);
    await grant(db, repository, reader.account, 'read');
    await assert.rejects(write(reader.identity, path), { reason: 'forbidden' });
    await assert.rejects(write(ANONYMOUS, path), { reason: 'unauthorized' });
  });

  it('is refused in a state other than NORMAL, superusers with full access included', async () => {
    for (const state of ['READ_ONLY', 'MIRROR'] as const) {
      const { path, caller } = await ownRepository({ state });
      await assert.rejects(write(caller.identity, path), {
        reason: 'wrong-state',
        message: `Repository is in read only or mirror mode: ${state}`,
      });
      assert.equal((await write(caller.identity, path, true)).repository.state, state);
      const { identity } = await buildUser(db, { superuser: true });
      const policy = {
        anonymousAccess: true,
        superusersHaveFullAccess: true,
        auditors: [],
        robots: 'all' as const,
        namespacesOnPush: false,
      };
      const attempt = runAct(testAuthDeps(db), SYSTEM, (act) =>
        requireRepository(act, { policy }, identity, path, { role: 'write', lock: 'share' }),
      );
      await assert.rejects(attempt, { reason: 'wrong-state' });
    }
  });

  it('is refused in a disabled namespace and to a disabled user', async () => {
    const { path, repository, owner } = await ownRepository();
    const writer = await buildUser(db);
    await grant(db, repository, writer.account, 'write');
    assert.equal((await write(writer.identity, path)).role, 'write');
    await db.manager.update(Account, owner.account.id, { enabled: false });
    await assert.rejects(write(writer.identity, path), {
      reason: 'wrong-state',
      message: /namespace is disabled/,
    });
    await db.manager.update(Account, owner.account.id, { enabled: true });
    await db.manager.update(Account, writer.account.id, { enabled: false });
    await assert.rejects(write(writer.identity, path), { reason: 'forbidden' });
  });

  it('holds back who would change its state meanwhile', async () => {
    const { path, caller, repository } = await ownRepository();
    const order: string[] = [];
    let change: Promise<void> | undefined;
    await runAct(testAuthDeps(db), SYSTEM, async (act) => {
      await requireRepository(act, {}, caller.identity, path, { role: 'write', lock: 'share' });
      change = db.manager
        .update(Repository, repository.id, { state: 'READ_ONLY' })
        .then(() => void order.push('changed'));
      await somebodyWaits();
      order.push('written');
    });
    await change;
    assert.deepEqual(order, ['written', 'changed']);
  });

  it('by a token ends with the token: who revokes it waits for writes that run', async () => {
    const { path, repository } = await ownRepository();
    const minted = await mintRepositoryToken(db.manager, {
      ...{ repositoryId: repository.id, kind: 'trigger', role: 'write', friendlyName: 't', nowMs: 1 },
    });
    const identity: Identity = {
      ...{ kind: 'repository-token', tokenUuid: minted.uuid, repositoryId: repository.id, role: 'write' },
      ...{ purpose: 'trigger', buildUuid: null, friendlyName: 't' },
    };
    const order: string[] = [];
    let revocation: Promise<void> | undefined;
    await runAct(testAuthDeps(db), SYSTEM, async (act) => {
      await requireRepository(act, {}, identity, path, { role: 'write', lock: 'share' });
      revocation = db.manager
        .update(RepositoryToken, minted.id, { revokedAtMs: 2 })
        .then(() => void order.push('revoked'));
      await somebodyWaits();
      order.push('written');
    });
    await revocation;
    assert.deepEqual(order, ['written', 'revoked']);
    await assert.rejects(write(identity, path), { reason: 'forbidden' });
  });
});

describe('changing a repository', () => {
  it('sets visibility and description, each with its log entry', async () => {
    const { repository, path, caller, owner } = await ownRepository();
    await changeVisibility(testAuthDeps(db), caller, { path, visibility: 'public' });
    await setDescription(testAuthDeps(db), caller, { path, description: '# hello' });
    const { visibility, description } = await find(repository.id);
    assert.deepEqual([visibility, description], ['public', '# hello']);
    const where = { repo: path.name, namespace: path.namespace };
    assert.deepEqual(
      (await auditOf(db, owner.account.id)).map(({ kind, metadata }) => [kind, metadata]),
      [
        ['change_repo_visibility', { ...where, visibility: 'public' }],
        ['set_repo_description', { ...where, description: '# hello' }],
      ],
    );
  });

  it('asks for admin, or write for the description', async () => {
    const { repository, path } = await ownRepository();
    const writer = await buildUser(db);
    await grant(db, repository, writer.account, 'write');
    const caller = callerOf(writer.identity);
    await setDescription(testAuthDeps(db), caller, { path, description: 'mine' });
    const publish = changeVisibility(testAuthDeps(db), caller, { path, visibility: 'public' });
    await assert.rejects(publish, { reason: 'forbidden' });
    await assert.rejects(deleteRepository(testAuthDeps(db), caller, path), { reason: 'forbidden' });
    assert.equal((await find(repository.id)).visibility, 'private');
  });
});

describe('deleting a repository', () => {
  it('hides it at once, kills its tokens, and gives the name free', async () => {
    const { repository, path, caller } = await ownRepository();
    const minted = await mintRepositoryToken(db.manager, {
      ...{ repositoryId: repository.id, kind: 'trigger', role: 'write', friendlyName: 't', nowMs: 1 },
    });
    await deleteRepository(testAuthDeps(db), caller, path);
    const gone = await find(repository.id);
    assert.deepEqual([gone.state, gone.name], ['MARKED_FOR_DELETION', repository.uuid]);
    assert.notEqual((await db.manager.findOneByOrFail(RepositoryToken, { id: minted.id })).revokedAtMs, null);
    for (const name of [path.name, repository.uuid]) {
      await assert.rejects(deleteRepository(testAuthDeps(db), caller, { ...path, name }), {
        reason: 'not-found',
      });
    }
    const input = { path, visibility: 'private' as const, description: '' };
    const again = await createRepository(testAuthDeps(db), caller, input);
    assert.notEqual(again.id, repository.id);
  });
});

describe('repository permissions', () => {
  async function organizationRepository() {
    const owner = await buildUser(db);
    const { account: organization } = await buildOrganization(db, { owner: owner.account });
    const repository = await buildRepository(db, { namespace: organization });
    const path = { namespace: organization.name, name: repository.name };
    const caller = callerOf(owner.identity);
    const set = (kind: 'account' | 'team', name: string, role: 'read' | 'write' | 'admin' = 'write') =>
      setRepositoryPermission(testAuthDeps(db), caller, { path, grantee: { kind, name }, role });
    const remove = (kind: 'account' | 'team', name: string) =>
      deleteRepositoryPermission(testAuthDeps(db), caller, { path, grantee: { kind, name } });
    return { owner, organization, repository, path, set, remove };
  }

  it('are given to users, robots of the namespace and teams, changed and taken away', async () => {
    const { organization, repository, path, set, remove } = await organizationRepository();
    const { account, identity } = await buildUser(db);
    const robot = await buildRobot(db, { namespace: organization });
    const team = await buildTeam(db, { organization });
    await set('account', account.name, 'read');
    await set('account', account.name, 'write');
    await set('account', account.name, 'write');
    await set('account', robot.account.name);
    await set('team', team.name, 'admin');
    assert.equal((await repositoryAccess(db.manager, identity, path)).role, 'write');
    assert.equal(await db.manager.countBy(RepositoryPermission, { repositoryId: repository.id }), 3);
    await remove('account', account.name);
    assert.equal((await repositoryAccess(db.manager, identity, path)).role, null);
    await assert.rejects(remove('account', account.name), {
      ...{ reason: 'invalid', message: 'User does not have permission for repo.' },
    });
    await remove('team', team.name);
    await assert.rejects(remove('team', team.name), { message: 'Team does not have permission for repo.' });
    const entries = await auditOf(db, organization.id);
    const where = { repo: path.name, namespace: path.namespace };
    assert.deepEqual(
      [entries[0]?.kind, entries[0]?.metadata],
      ['change_repo_permission', { username: account.name, ...where, role: 'read' }],
    );
    assert.deepEqual(
      [entries.at(-1)?.kind, entries.at(-1)?.metadata],
      ['delete_repo_permission', { team: team.name, ...where }],
    );
  });

  it('are refused to robots and teams of another namespace, to organizations and to nobody', async () => {
    const { organization, owner, set } = await organizationRepository();
    const robot = await buildRobot(db, { namespace: owner.account });
    await assert.rejects(set('account', robot.account.name), {
      message: `Cannot add robot ${robot.account.name} under namespace ${organization.name}`,
    });
    const nobody = uniqueName('nobody');
    for (const name of [nobody, organization.name]) {
      await assert.rejects(set('account', name), { reason: 'invalid', message: `Invalid username: ${name}` });
    }
    const foreign = await buildTeam(db, { organization: (await buildOrganization(db)).account });
    await assert.rejects(set('team', foreign.name), { reason: 'invalid' });
  });

  it('never touch the owner of a personal namespace', async () => {
    const { path, caller, owner } = await ownRepository();
    const target = { path, grantee: { kind: 'account', name: owner.account.name } as const };
    const message = 'Namespace owner must always be admin.';
    await assert.rejects(setRepositoryPermission(testAuthDeps(db), caller, { ...target, role: 'read' }), {
      message,
    });
    await assert.rejects(deleteRepositoryPermission(testAuthDeps(db), caller, target), { message });
  });

  it('are set by admins only', async () => {
    const { path, repository } = await ownRepository();
    const writer = await buildUser(db);
    await grant(db, repository, writer.account, 'write');
    const attempt = setRepositoryPermission(testAuthDeps(db), callerOf(writer.identity), {
      ...{ path, grantee: { kind: 'account', name: writer.account.name }, role: 'admin' },
    });
    await assert.rejects(attempt, { reason: 'forbidden' });
  });
});
