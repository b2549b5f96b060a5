import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import type { DataSource } from 'typeorm';

import { authenticateBearer } from '../../auth/bearer';
import { parseScopes } from '../../auth/scopes';
import { hashToken, newBearerToken } from '../../auth/tokens';
import { Account, OauthToken } from '../../db/entities/accounts';
import { testAuthDeps } from '../support/auth-deps';
import { sharedDatabase } from '../support/database';
import { buildUser } from '../support/factories';

describe('bearer authentication', () => {
  let db: DataSource;

  before(async () => {
    db = await sharedDatabase();
  });

  async function tokenOf(account: Account, scopes: string, expiresAtMs = Date.now() + 60_000) {
    const { lookup, secret } = newBearerToken();
    await db.manager.insert(OauthToken, {
      ...{ uuid: randomUUID(), accountId: account.id, title: 't', lookup, secretHash: hashToken(secret) },
      ...{ scopes, createdAtMs: 1, expiresAtMs },
    });
    return lookup + secret;
  }

  it('proves the user, capped by the scopes', async () => {
    const { account } = await buildUser(db, { superuser: true });
    const identify = async (scopes: string) =>
      authenticateBearer(testAuthDeps(db), await tokenOf(account, scopes));
    const proved = await identify('repo:read user:read');
    const token = proved?.kind === 'user' ? proved.token : undefined;
    assert.deepEqual([token?.kind, token?.title], ['oauth', 't']);
    assert.deepEqual(proved, {
      ...{ kind: 'user', accountId: account.id, name: account.name, token },
      ...{ superuser: false, via: 'oauth', scopes: ['repo:read', 'user:read'] },
    });
    const powerful = await identify('super:user');
    assert.ok(powerful?.kind === 'user' && powerful.superuser);
  });

  it('proves nobody by what is no token, or has a wrong half', async () => {
    const { account } = await buildUser(db);
    const token = await tokenOf(account, 'repo:read');
    const other = await tokenOf(account, 'repo:read');
    const wrong = ['', 'a.b.c', token.slice(1), `${token}A`, token.slice(0, 20) + other.slice(20)];
    for (const text of [...wrong, 'ä'.repeat(40)]) {
      assert.equal(await authenticateBearer(testAuthDeps(db), text), undefined);
    }
  });

  it('proves nobody by one that is expired, or whose user is disabled', async () => {
    const { account } = await buildUser(db);
    const token = await tokenOf(account, 'repo:read', 1000);
    assert.ok(await authenticateBearer(testAuthDeps(db, { now: () => 999 }), token));
    assert.equal(await authenticateBearer(testAuthDeps(db, { now: () => 1000 }), token), undefined);
    await db.manager.update(Account, account.id, { enabled: false });
    assert.equal(await authenticateBearer(testAuthDeps(db, { now: () => 999 }), token), undefined);
  });
});

describe('scopes', () => {
  it('are separated by blanks or commas, and all known or none', () => {
    assert.deepEqual(parseScopes('repo:read,org:admin  repo:read'), ['repo:read', 'org:admin']);
    assert.equal(parseScopes('repo:read repo:everything'), undefined);
    assert.equal(parseScopes(' '), undefined);
  });
});
