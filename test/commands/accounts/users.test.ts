import assert from 'node:assert/strict';

import type { DataSource } from 'typeorm';

import { authenticateBearer } from '../../../auth/bearer';
import { findSession } from '../../../auth/sessions';
import { SYSTEM } from '../../../commands/act';
import { changePassword } from '../../../commands/accounts/change-password';
import { createOauthToken } from '../../../commands/accounts/create-oauth-token';
import { createFirstSuperuser, createUser } from '../../../commands/accounts/create-user';
import { signIn, signOut, verifySession } from '../../../commands/accounts/sign-in';
import { actorOf } from '../../../commands/caller';
import { Account } from '../../../db/entities/accounts';
import { auditOf } from '../../support/audit';
import { testAuthDeps } from '../../support/auth-deps';
import { freshDatabase, sharedDatabase } from '../../support/database';
import { buildOrganization, buildUser, uniqueName } from '../../support/factories';

const PASSWORD = 'correct-horse';

describe('creating a user', () => {
  let db: DataSource;

  before(async () => {
    db = await sharedDatabase();
  });

  it('stores a hash, the address in lower case, and tells the log', async () => {
    const name = uniqueName('ann');
    const account = await createUser(testAuthDeps(db), SYSTEM, {
      ...{ name, password: PASSWORD, email: `${name}@Example.TEST` },
    });
    assert.match(account.passwordHash ?? '', /^\$argon2id\$/);
    assert.deepEqual(
      [account.kind, account.email, account.superuser, account.enabled, account.tagExpirationMs],
      ['user', `${name}@example.test`, false, true, 14 * 86_400_000],
    );
    const [entry] = await auditOf(db, account.id);
    assert.equal(entry?.kind, 'user_create');
    assert.equal(entry?.metadata.username, name);
  });

  it('refuses what is no name, address or password, and says which', async () => {
    const good = { name: uniqueName('ann'), password: PASSWORD };
    const bad: [object, string][] = [
      [{ name: 'Ann' }, 'name'],
      [{ name: 'a' }, 'name'],
      [{ name: 'a+b' }, 'name'],
      [{ name: 'x'.repeat(256) }, 'name'],
      [{ email: 'nobody' }, 'email'],
      [{ email: 'a@b@c.test' }, 'email'],
      [{ password: 'short' }, 'password'],
      [{ password: 'with a blank' }, 'password'],
    ];
    for (const [change, field] of bad) {
      await assert.rejects(createUser(testAuthDeps(db), SYSTEM, { ...good, ...change }), {
        name: 'ActError',
        reason: 'invalid',
        field,
      });
    }
    assert.equal(await db.manager.countBy(Account, { name: good.name }), 0);
  });

  it('refuses a name or an address that a user or organization has', async () => {
    const { account } = await buildUser(db);
    const { account: organization } = await buildOrganization(db);
    for (const { name } of [account, organization]) {
      await assert.rejects(createUser(testAuthDeps(db), SYSTEM, { name, password: PASSWORD }), {
        reason: 'invalid',
        message: 'The username already exists',
      });
    }
    const email = account.email?.toUpperCase();
    const again = { name: uniqueName('ann'), password: PASSWORD, email };
    await assert.rejects(createUser(testAuthDeps(db), SYSTEM, again), { reason: 'invalid', field: 'email' });
  });

  it('lets one of two with the same name win', async () => {
    const deps = testAuthDeps(db);
    const input = { name: uniqueName('twin'), password: PASSWORD };
    const outcomes = await Promise.allSettled([
      createUser(deps, SYSTEM, input),
      createUser(deps, SYSTEM, input),
    ]);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  });
});

describe('the first superuser', () => {
  it('is made once, whoever else tries at the same moment, and not beside another user', async () => {
    const db = await freshDatabase();
    try {
      const deps = testAuthDeps(db);
      const create = (name: string) => createFirstSuperuser(deps, SYSTEM, { name, password: PASSWORD });
      const outcomes = await Promise.allSettled(['one', 'two', 'three', 'four'].map(create));
      const made = outcomes.filter((outcome) => outcome.status === 'fulfilled');
      assert.equal(made.length, 1);
      assert.equal(made[0]?.value.superuser, true);
      const message = 'Cannot initialize user in a non-empty database';
      await assert.rejects(create('five'), { reason: 'invalid', message });
      assert.equal(await db.manager.countBy(Account, { kind: 'user' }), 1);
    } finally {
      await db.destroy();
    }
  });
});

describe('signing in', () => {
  let db: DataSource;

  before(async () => {
    db = await sharedDatabase();
  });

  it('opens a session and tells the log', async () => {
    const { account, identity } = await buildUser(db, { password: PASSWORD });
    const deps = testAuthDeps(db);
    const session = await signIn(deps, '192.0.2.7', { username: account.name, password: PASSWORD });
    assert.deepEqual((await findSession(deps, session.key))?.identity, identity);
    const [entry] = await auditOf(db, account.id);
    assert.deepEqual([entry?.kind, entry?.performerId], ['login_success', account.id]);
  });

  it('says the same of a wrong password and an unknown name', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    for (const username of [account.name, uniqueName('nobody')]) {
      const attempt = signIn(testAuthDeps(db), null, { username, password: 'wrong' });
      await assert.rejects(attempt, { reason: 'forbidden', message: 'Invalid Username or Password' });
    }
  });

  it('is freshened by the password, and by nothing else', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    let nowMs = Date.now();
    const deps = testAuthDeps(db, { now: () => nowMs });
    const { key } = await signIn(deps, null, { username: account.name, password: PASSWORD });
    const session = (await findSession(deps, key)) ?? assert.fail();
    nowMs += 3_600_000;
    await assert.rejects(verifySession(deps, null, { session, password: 'wrong' }), { reason: 'forbidden' });
    assert.ok(await findSession(deps, key));
    const tooSoon = verifySession(deps, null, { session, password: PASSWORD });
    await assert.rejects(tooSoon, { reason: 'limit', retryAfterS: 1 });
    nowMs += 500;
    const renewed = await verifySession(deps, null, { session, password: PASSWORD });
    assert.equal(await findSession(deps, key), undefined);
    assert.equal((await findSession(deps, renewed.key))?.loginAtMs, nowMs);
  });

  it('ends everywhere by signing out', async () => {
    const { account, identity } = await buildUser(db, { password: PASSWORD });
    const deps = testAuthDeps(db);
    const open = () => signIn(deps, null, { username: account.name, password: PASSWORD });
    const sessions = [await open(), await open()];
    await signOut(deps, actorOf(identity, null));
    for (const { key } of sessions) assert.equal(await findSession(deps, key), undefined);
    await signOut(deps, actorOf({ kind: 'anonymous' }, null));
  });
});

describe('changing a password', () => {
  let db: DataSource;

  before(async () => {
    db = await sharedDatabase();
  });

  it('ends every session, leaves tokens, and opens a new session on request', async () => {
    const { account, identity } = await buildUser(db, { password: PASSWORD });
    const deps = testAuthDeps(db);
    const actor = actorOf(identity, null);
    const old = await signIn(deps, null, { username: account.name, password: PASSWORD });
    const bearer = await createOauthToken(deps, actor, {
      ...{ accountId: account.id, title: 'ci', scopes: ['repo:read'], lifetimeMs: 60_000 },
    });
    const session = await changePassword(deps, actor, {
      ...{ accountId: account.id, password: 'another-horse', reopen: true },
    });
    assert.equal(await findSession(deps, old.key), undefined);
    assert.ok(session && (await findSession(deps, session.key)));
    assert.ok(await authenticateBearer(deps, bearer.token));
    const credentials = { username: account.name, password: PASSWORD };
    await assert.rejects(signIn(deps, null, credentials), { reason: 'forbidden' });
    await signIn(deps, '192.0.2.7', { ...credentials, password: 'another-horse' });
  });

  it('ends the wait for those who typed the old one wrongly', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    const deps = testAuthDeps(db);
    const attempt = (password: string) => signIn(deps, null, { username: account.name, password });
    await assert.rejects(attempt('wrong'), { reason: 'forbidden' });
    await assert.rejects(attempt(PASSWORD), { reason: 'limit' });
    await changePassword(deps, SYSTEM, { accountId: account.id, password: 'another-horse' });
    await attempt('another-horse');
  });

  it('refuses a weak one and an account that is gone', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    const deps = testAuthDeps(db);
    const change = (accountId: number, password: string) =>
      changePassword(deps, SYSTEM, { accountId, password });
    await assert.rejects(change(account.id, 'short'), { reason: 'invalid', field: 'password' });
    await assert.rejects(change(2 ** 40, 'long-enough'), { reason: 'not-found' });
    await signIn(deps, null, { username: account.name, password: PASSWORD });
  });
});

describe('creating a bearer token', () => {
  it('gives 40 characters that prove the user with these scopes, until they expire', async () => {
    const db = await sharedDatabase();
    const { account, identity } = await buildUser(db);
    const deps = testAuthDeps(db, { now: () => 1_000_000 });
    const created = await createOauthToken(deps, actorOf(identity, null), {
      ...{ accountId: account.id, title: 'ci', scopes: ['repo:write', 'org:admin'], lifetimeMs: 1000 },
    });
    assert.match(created.token, /^[A-Za-z0-9]{40}$/);
    assert.equal(created.expiresAtMs, 1_001_000);
    const proved = await authenticateBearer(deps, created.token);
    assert.deepEqual(proved?.kind === 'user' && proved.scopes, ['repo:write', 'org:admin']);
    assert.equal(
      await authenticateBearer(testAuthDeps(db, { now: () => 1_001_000 }), created.token),
      undefined,
    );
    const [entry] = await auditOf(db, account.id);
    assert.deepEqual(entry?.metadata, {
      ...{ oauth_token_uuid: created.uuid, scope: 'repo:write org:admin', token_display_name: 'ci' },
    });
  });

  it('is refused for a disabled user and for an organization', async () => {
    const db = await sharedDatabase();
    const { account } = await buildUser(db, { enabled: false });
    const { account: organization } = await buildOrganization(db);
    for (const { id } of [account, organization]) {
      const attempt = createOauthToken(testAuthDeps(db), SYSTEM, {
        ...{ accountId: id, title: 'ci', scopes: ['repo:read'], lifetimeMs: 1000 },
      });
      await assert.rejects(attempt, { reason: 'invalid' });
    }
  });
});
