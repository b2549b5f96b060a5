import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import type { DataSource } from 'typeorm';

import type { AuthOutcome } from '../../auth/authentication';
import { parseBasicHeader } from '../../auth/basic';
import { newClientKey } from '../../auth/client-key';
import { Passwords } from '../../auth/passwords';
import { hashToken, mintRepositoryToken, newBearerToken } from '../../auth/tokens';
import { Account, OauthToken } from '../../db/entities/accounts';
import { Build } from '../../db/entities/builds';
import { RepositoryToken } from '../../db/entities/repositories';
import { seal } from '../../db/sealing';
import { proveBasic, testAuthDeps } from '../support/auth-deps';
import { sharedDatabase } from '../support/database';
import { buildOrganization, buildRepository, buildRobot, buildUser, uniqueName } from '../support/factories';

const WRONG = { outcome: 'refused', message: 'Invalid Username or Password' };
const DISABLED = {
  outcome: 'refused',
  message: 'This user has been disabled. Please contact your administrator.',
};

describe('basic authentication', () => {
  let db: DataSource;

  before(async () => {
    db = await sharedDatabase();
  });

  function nameIn(result: AuthOutcome): string | undefined {
    return result.outcome === 'accepted' && result.identity.kind === 'user'
      ? result.identity.name
      : undefined;
  }

  describe('of a user', () => {
    it('accepts the name or the e-mail address in any case, with the password', async () => {
      const { account } = await buildUser(db, { password: 'open sesame' });
      const deps = testAuthDeps(db);
      assert.deepEqual(await proveBasic(deps, account.name, 'open sesame'), {
        outcome: 'accepted',
        identity: {
          ...{ kind: 'user', accountId: account.id, name: account.name },
          ...{ superuser: false, via: 'password', scopes: null },
        },
      });
      const byMail = await proveBasic(deps, account.email?.toUpperCase() ?? '', 'open sesame');
      assert.equal(nameIn(byMail), account.name);
    });

    it('says the same of a wrong password, an unknown name, and an account without a password', async () => {
      const deps = testAuthDeps(db);
      const { account } = await buildUser(db, { password: 'open sesame' });
      const { account: organization } = await buildOrganization(db);
      const { account: bare } = await buildUser(db);
      const attempts: [string, string][] = [
        [account.name, 'open sesam'],
        [account.name, ''],
        [uniqueName('nobody'), 'open sesame'],
        [organization.name, 'open sesame'],
        [bare.name, ''],
        ['', ''],
        ['$unknown', 'x'],
      ];
      for (const [name, password] of attempts) {
        assert.deepEqual(await proveBasic(deps, name, password), WRONG, `${name}:${password}`);
      }
    });

    it('tells a disabled user so only after the right password', async () => {
      const { account } = await buildUser(db, { password: 'open sesame', enabled: false });
      const deps = testAuthDeps(db);
      assert.deepEqual(await proveBasic(deps, account.name, 'open sesame'), DISABLED);
      assert.deepEqual(await proveBasic(deps, account.name, 'wrong'), WRONG);
    });

    it('sees a disabled user at once although the password is still remembered', async () => {
      const { account } = await buildUser(db, { password: 'open sesame' });
      const deps = testAuthDeps(db);
      assert.equal((await proveBasic(deps, account.name, 'open sesame')).outcome, 'accepted');
      await db.manager.update(Account, account.id, { enabled: false });
      assert.deepEqual(await proveBasic(deps, account.name, 'open sesame'), DISABLED);
    });

    it('makes superusers of those whom the row or the configuration names, auditors aside', async () => {
      const { account } = await buildUser(db, { password: 'pass-word', superuser: true });
      const { account: named } = await buildUser(db, { password: 'pass-word' });
      const isSuperuser = async (name: string, config: object) => {
        const result = await proveBasic(testAuthDeps(db, { config }), name, 'pass-word');
        return result.outcome === 'accepted' && result.identity.kind === 'user' && result.identity.superuser;
      };
      assert.equal(await isSuperuser(account.name, {}), true);
      assert.equal(await isSuperuser(named.name, {}), false);
      assert.equal(await isSuperuser(named.name, { SUPER_USERS: [named.name] }), true);
      assert.equal(await isSuperuser(account.name, { GLOBAL_READONLY_SUPER_USERS: [account.name] }), false);
    });

    it('asks to come back when too many passwords are being checked', async () => {
      const { account } = await buildUser(db, { password: 'open sesame' });
      const passwords = new Passwords({ memoryKib: 32_768, iterations: 10, atOnce: 1, waiting: 0 });
      const deps = testAuthDeps(db, { passwords });
      const running = passwords.hash('somebody else');
      const result = await proveBasic(deps, account.name, 'wrong');
      await running;
      assert.deepEqual(result, {
        outcome: 'throttled',
        message: 'Too many login attempts. Please try again in 1 s.',
        retryAfterS: 1,
      });
      assert.deepEqual(await proveBasic(deps, account.name, 'wrong'), WRONG);
    });
  });

  describe('of a user with a client key', () => {
    it('accepts the key for its own user, by name or e-mail address', async () => {
      const { account } = await buildUser(db, { password: 'open sesame' });
      const { account: other } = await buildUser(db, { password: 'open sesame' });
      const deps = testAuthDeps(db);
      const key = newClientKey(account);
      assert.equal(nameIn(await proveBasic(deps, account.name, key)), account.name);
      assert.equal(nameIn(await proveBasic(deps, account.email ?? '', key)), account.name);
      assert.deepEqual(await proveBasic(deps, other.name, key), WRONG);
      assert.ok(!key.includes(':') && !key.includes('sesame'));
    });

    it('refuses one that was changed, cut, or sealed for something else', async () => {
      const { account } = await buildUser(db, { password: 'open sesame' });
      const deps = testAuthDeps(db);
      const key = newClientKey(account);
      const [version, id, nonce, tag = '', body = ''] = key.split('.');
      const flipped = (body.startsWith('A') ? 'B' : 'A') + body.slice(1);
      const cutTag = Buffer.from(tag, 'base64url').subarray(0, 4).toString('base64url');
      const forgeries = [
        [version, id, nonce, tag, flipped],
        [version, id, nonce, cutTag, body],
        [version, id, nonce, tag, ''],
        [version, '0'.repeat(8), nonce, tag, body],
        [version, id],
      ].map((parts) => parts.join('.'));
      for (const forged of [...forgeries, seal(account.name), seal(`client-key ${account.uuid} `)]) {
        assert.deepEqual(await proveBasic(deps, account.name, forged), WRONG, forged);
      }
    });

    it('refuses it once the password was changed, or the user is disabled', async () => {
      const { account } = await buildUser(db, { password: 'open sesame' });
      const deps = testAuthDeps(db);
      const key = newClientKey(account);
      await db.manager.update(Account, account.id, { enabled: false });
      assert.deepEqual(await proveBasic(deps, account.name, key), DISABLED);
      const passwordHash = await deps.passwords.hash('open sesame');
      await db.manager.update(Account, account.id, { enabled: true, passwordHash });
      assert.deepEqual(await proveBasic(deps, account.name, key), WRONG);
    });

    it('takes nothing else of a person where the configuration says so', async () => {
      const { account } = await buildUser(db, { password: 'open sesame' });
      const { account: robot, token } = await buildRobot(db, { namespace: account });
      const deps = testAuthDeps(db, { config: { FEATURE_REQUIRE_ENCRYPTED_BASIC_AUTH: true } });
      const message =
        'Client login with unencrypted passwords is disabled. Please generate an encrypted password for use here.';
      for (const name of [account.name, uniqueName('nobody')]) {
        assert.deepEqual(await proveBasic(deps, name, 'open sesame'), { outcome: 'refused', message });
      }
      assert.equal(nameIn(await proveBasic(deps, account.name, newClientKey(account))), account.name);
      assert.equal((await proveBasic(deps, robot.name, token)).outcome, 'accepted');
    });
  });

  describe('of a robot', () => {
    it('accepts its token and nothing else', async () => {
      const { account: organization } = await buildOrganization(db);
      const { account, identity, token } = await buildRobot(db, { namespace: organization });
      const deps = testAuthDeps(db);
      assert.deepEqual(await proveBasic(deps, account.name, token), { outcome: 'accepted', identity });
      const message = `Could not find robot with username: ${account.name} and supplied password.`;
      for (const wrong of ['', token.slice(1), token.toLowerCase()]) {
        assert.deepEqual(await proveBasic(deps, account.name, wrong), { outcome: 'refused', message });
      }
      const unknown = `${organization.name}+nobody`;
      assert.equal((await proveBasic(deps, unknown, '')).outcome, 'refused');
    });

    it('refuses all of them where robots are disallowed, those on the list aside', async () => {
      const { account, token } = await buildRobot(db, { namespace: (await buildOrganization(db)).account });
      const off = testAuthDeps(db, { config: { ROBOTS_DISALLOW: true } });
      assert.deepEqual(await proveBasic(off, account.name, token), {
        outcome: 'refused',
        message: 'Robot accounts have been disabled. Please contact your administrator.',
      });
      const listed = testAuthDeps(db, {
        config: { ROBOTS_DISALLOW: true, ROBOTS_WHITELIST: [account.name] },
      });
      assert.equal((await proveBasic(listed, account.name, token)).outcome, 'accepted');
    });

    it('refuses a disabled robot and one of a disabled namespace', async () => {
      const { account: organization } = await buildOrganization(db);
      const robot = await buildRobot(db, { namespace: organization, enabled: false });
      const other = await buildRobot(db, { namespace: organization });
      const deps = testAuthDeps(db);
      assert.deepEqual(await proveBasic(deps, robot.account.name, robot.token), DISABLED);
      await db.manager.update(Account, organization.id, { enabled: false });
      assert.deepEqual(await proveBasic(deps, other.account.name, other.token), DISABLED);
    });
  });

  describe('of $token', () => {
    const INVALID = { outcome: 'refused', message: 'Invalid token' };

    async function mint(columns: { buildUuid?: string; expiresAtMs?: number } = {}) {
      const repository = await buildRepository(db, { namespace: (await buildUser(db)).account });
      const minted = await mintRepositoryToken(db.manager, {
        ...{ repositoryId: repository.id, kind: columns.buildUuid ? 'build' : 'trigger', role: 'write' },
        ...{ friendlyName: 'a token', nowMs: Date.now() },
        ...columns,
      });
      return { repository, ...minted };
    }

    it('accepts 64 characters of which both halves are right', async () => {
      const { repository, password, uuid } = await mint();
      assert.match(password, /^[A-Z0-9]{64}$/);
      const deps = testAuthDeps(db);
      assert.deepEqual(await proveBasic(deps, '$token', password), {
        outcome: 'accepted',
        identity: {
          ...{ kind: 'repository-token', tokenUuid: uuid, repositoryId: repository.id, role: 'write' },
          ...{ purpose: 'trigger', buildUuid: null, friendlyName: 'a token' },
        },
      });
      const other = await mint();
      for (const wrong of ['', password.slice(0, 32), password.slice(0, 32) + other.password.slice(32)]) {
        assert.deepEqual(await proveBasic(deps, '$token', wrong), INVALID);
      }
    });

    it('refuses one that is revoked or expired', async () => {
      const { password, id } = await mint({ expiresAtMs: 1000 });
      assert.equal(
        (await proveBasic(testAuthDeps(db, { now: () => 999 }), '$token', password)).outcome,
        'accepted',
      );
      assert.deepEqual(await proveBasic(testAuthDeps(db, { now: () => 1000 }), '$token', password), INVALID);
      await db.manager.update(RepositoryToken, id, { revokedAtMs: 1 });
      assert.deepEqual(await proveBasic(testAuthDeps(db, { now: () => 999 }), '$token', password), INVALID);
    });

    it('accepts that of a build only while the build runs', async () => {
      const buildUuid = randomUUID();
      const { repository, password } = await mint({ buildUuid });
      const deps = testAuthDeps(db);
      assert.deepEqual(await proveBasic(deps, '$token', password), INVALID);
      await db.manager.insert(Build, {
        ...{
          uuid: buildUuid,
          repositoryId: repository.id,
          phase: 'waiting',
          displayName: 'b',
          dockerTags: [],
        },
        ...{ context: '/', dockerfilePath: '/Dockerfile', triggerMetadata: {}, status: {}, createdAtMs: 1 },
      });
      assert.equal((await proveBasic(deps, '$token', password)).outcome, 'accepted');
      await db.manager.update(Build, { uuid: buildUuid }, { phase: 'complete' });
      assert.deepEqual(await proveBasic(deps, '$token', password), INVALID);
    });
  });

  it('accepts a bearer token as the password of $oauthtoken', async () => {
    const { account } = await buildUser(db);
    const { lookup, secret } = newBearerToken();
    await db.manager.insert(OauthToken, {
      ...{ uuid: randomUUID(), accountId: account.id, title: 't', lookup, secretHash: hashToken(secret) },
      ...{ scopes: 'repo:read', createdAtMs: 1, expiresAtMs: Date.now() + 60_000 },
    });
    const deps = testAuthDeps(db);
    assert.equal(nameIn(await proveBasic(deps, '$oauthtoken', lookup + secret)), account.name);
    assert.deepEqual(await proveBasic(deps, '$oauthtoken', lookup + secret.slice(1)), {
      outcome: 'refused',
      message: 'OAuth access token could not be validated',
    });
  });
});

describe('the basic header', () => {
  it('is split at its first colon', () => {
    const header = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
    assert.deepEqual(parseBasicHeader(header('a+b:c:d')), { username: 'a+b', password: 'c:d' });
    assert.deepEqual(parseBasicHeader(header(':')), { username: '', password: '' });
    assert.equal(parseBasicHeader(header('nocolon')), undefined);
    assert.equal(parseBasicHeader('Bearer abc'), undefined);
    assert.equal(parseBasicHeader('Basic'), undefined);
  });
});
