import assert from 'node:assert/strict';

import type { DataSource } from 'typeorm';

import { createSession, endSessions, findSession, renewSession } from '../../auth/sessions';
import { Account, Session } from '../../db/entities/accounts';
import { testAuthDeps } from '../support/auth-deps';
import { sharedDatabase } from '../support/database';
import { buildUser } from '../support/factories';

const DAY_MS = 86_400_000;

describe('sessions', () => {
  let db: DataSource;

  before(async () => {
    db = await sharedDatabase();
  });

  async function open(nowMs = Date.now()) {
    const { account, identity } = await buildUser(db);
    const deps = testAuthDeps(db, { now: () => nowMs, config: { SESSION_TIMEOUT: '1d' } });
    const session = await createSession(db.manager, deps.config, { accountId: account.id, nowMs });
    return { account, identity, deps, session, at: (later: number) => ({ ...deps, now: () => later }) };
  }

  it('are found by their key, of which only the hash is stored', async () => {
    const { identity, deps, session, account } = await open(5000);
    const found = await findSession(deps, session.key);
    assert.deepEqual(found && { ...found, id: 0 }, {
      ...{ id: 0, identity, csrfToken: session.csrfToken, loginAtMs: 5000, expiresAtMs: 5000 + DAY_MS },
    });
    const rows = await db.manager.findBy(Session, { accountId: account.id });
    assert.ok(rows.every((row) => !JSON.stringify(row).includes(session.key)));
    assert.equal(await findSession(deps, `${session.key}x`), undefined);
    assert.equal(await findSession(deps, ''), undefined);
  });

  it('end with their time', async () => {
    const { session, at } = await open(5000);
    assert.ok(await findSession(at(5000 + DAY_MS - 1), session.key));
    assert.equal(await findSession(at(5000 + DAY_MS), session.key), undefined);
  });

  it('end when their user is disabled', async () => {
    const { account, deps, session } = await open();
    await db.manager.update(Account, account.id, { enabled: false });
    assert.equal(await findSession(deps, session.key), undefined);
  });

  it('are fresh again, under a new key, once the password was typed', async () => {
    const { deps, session, at } = await open(5000);
    const { id } = (await findSession(deps, session.key)) ?? assert.fail();
    const renewed = await renewSession(db.manager, deps.config, { id, nowMs: 9000 });
    assert.equal(await findSession(deps, session.key), undefined);
    const found = await findSession(at(9000), renewed.key);
    assert.deepEqual([found?.id, found?.loginAtMs, found?.csrfToken], [id, 9000, renewed.csrfToken]);
    assert.notEqual(renewed.csrfToken, session.csrfToken);
  });

  it('of one account end together, and dead ones are dropped at the next sign-in', async () => {
    const { account, deps, session } = await open(5000);
    await createSession(db.manager, deps.config, { accountId: account.id, nowMs: 5001 + DAY_MS });
    assert.equal(await db.manager.countBy(Session, { accountId: account.id }), 1);
    await endSessions(db.manager, account.id);
    assert.equal(await db.manager.countBy(Session, { accountId: account.id }), 0);
    assert.equal(await findSession(deps, session.key), undefined);
  });
});
