import assert from 'node:assert/strict';

import type { DataSource } from 'typeorm';

import { Passwords } from '../../auth/passwords';
import { checkUserPassword } from '../../auth/user-password';
import { LoginBackoffRow, LoginFloodRow } from '../../db/entities/logins';
import { FLOOD_LIMITS } from '../../model/login-throttle';
import { testPasswords, uniqueAddress } from '../support/auth-deps';
import { freshDatabase } from '../support/database';
import { buildUser, uniqueName } from '../support/factories';

const PASSWORD = 'open-sesame';
const { subject: SUBJECT_LIMIT, address: ADDRESS_LIMIT } = FLOOD_LIMITS;

describe('login throttling', function () {
  this.timeout(60_000);
  let db: DataSource;
  let nowMs = Date.now();

  before(async () => {
    db = await freshDatabase(10);
  });
  beforeEach(async () => {
    await db.manager.clear(LoginBackoffRow);
    await db.manager.clear(LoginFloodRow);
  });
  after(() => db.destroy());

  const deps = (passwords = testPasswords()) => ({ dataSource: db, passwords, now: () => nowMs });

  /** `accepted`, `refused`, or the seconds to wait. */
  async function attempt(
    username: string,
    password: string,
    { address = '192.0.2.1', passwords = testPasswords() }: { address?: string; passwords?: Passwords } = {},
  ): Promise<string | number> {
    const result = await checkUserPassword(deps(passwords), { username, password }, address);
    return result.outcome === 'throttled' ? result.retryAfterS : result.outcome;
  }

  async function failTimes(username: string, count: number, address = '192.0.2.1'): Promise<void> {
    for (let failures = 0; failures < count; failures += 1) {
      nowMs += 600_000;
      assert.equal(await attempt(username, 'wrong', { address }), 'refused');
    }
  }

  it('makes each failure wait longer than the one before, whatever the next password is', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    for (const waitMs of [
      500, 1500, 3500, 7500, 15_500, 31_500, 63_500, 127_500, 255_500, 511_500, 511_500,
    ]) {
      assert.equal(await attempt(account.name, 'wrong'), 'refused');
      const seconds = Math.ceil(waitMs / 1000);
      assert.equal(await attempt(account.name, 'wrong'), seconds);
      assert.equal(await attempt(account.name, PASSWORD), seconds);
      nowMs += waitMs - 1;
      assert.equal(await attempt(account.name, PASSWORD), 1);
      nowMs += 1;
    }
    assert.equal(await attempt(account.name, PASSWORD), 'accepted');
  });

  it('begins anew after a right password', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    await failTimes(account.name, 6);
    nowMs += 31_500;
    assert.equal(await attempt(account.name, PASSWORD), 'accepted');
    assert.equal(await attempt(account.name, PASSWORD), 'accepted');
    assert.equal(await attempt(account.name, 'wrong'), 'refused');
    assert.equal(await attempt(account.name, PASSWORD), 1);
    nowMs += 500;
    assert.equal(await attempt(account.name, PASSWORD), 'accepted');
  });

  it('takes a disabled account for what its password says', async () => {
    const { account } = await buildUser(db, { password: PASSWORD, enabled: false });
    await failTimes(account.name, 3);
    nowMs += 3500;
    assert.equal(await attempt(account.name, PASSWORD), 'refused');
    assert.equal(await db.manager.count(LoginBackoffRow), 0);
  });

  it('treats a name that nobody has, and an account without a password, like any other', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    const { account: bare } = await buildUser(db);
    const history = async (name: string) => {
      const address = uniqueAddress();
      const outcomes: (string | number)[] = [];
      for (const pauseMs of [0, 0, 499, 1, 0, 1500, 3500, 0]) {
        nowMs += pauseMs;
        outcomes.push(await attempt(name, 'wrong', { address }));
      }
      return outcomes;
    };
    const known = await history(account.name);
    assert.deepEqual(known, ['refused', 1, 1, 'refused', 2, 'refused', 'refused', 8]);
    for (const name of [bare.name, uniqueName('nobody'), `${uniqueName('nobody')}@users.test`]) {
      assert.deepEqual(await history(name), known, name);
    }
  });

  it('counts name and e-mail address of one account together', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    assert.equal(await attempt(account.name, 'wrong'), 'refused');
    assert.equal(await attempt(account.email?.toUpperCase() ?? '', PASSWORD), 1);
  });

  it('lets the user in from elsewhere while somebody guesses', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    await failTimes(account.name, 10, '198.51.100.1');
    assert.equal(await attempt(account.name, PASSWORD, { address: '198.51.100.1' }), 512);
    assert.equal(await attempt(account.name, PASSWORD, { address: '192.0.2.1' }), 'accepted');
    assert.equal(await attempt(account.name, PASSWORD, { address: '198.51.100.1' }), 512);
  });

  it('bounds what many addresses may guess at one account', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    for (let guess = 0; guess < SUBJECT_LIMIT.allowance; guess += 1) {
      assert.equal(await attempt(account.name, 'wrong', { address: uniqueAddress() }), 'refused');
    }
    const waitS = SUBJECT_LIMIT.forgivenEveryMs / 1000;
    assert.equal(await attempt(account.name, PASSWORD, { address: uniqueAddress() }), waitS);
    nowMs += SUBJECT_LIMIT.forgivenEveryMs;
    assert.equal(await attempt(account.name, 'wrong', { address: uniqueAddress() }), 'refused');
    assert.equal(await attempt(account.name, PASSWORD, { address: uniqueAddress() }), waitS);
    nowMs += SUBJECT_LIMIT.forgivenEveryMs;
    assert.equal(await attempt(account.name, PASSWORD, { address: uniqueAddress() }), 'accepted');
  });

  it('bounds how many accounts one address, or one IPv6 network, may try', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    for (let guess = 0; guess < ADDRESS_LIMIT.allowance; guess += 1) {
      const address = `2001:db8:0:7:${guess.toString(16)}::1`;
      assert.equal(await attempt(`nobody-${guess}`, 'wrong', { address }), 'refused');
    }
    const waitS = ADDRESS_LIMIT.forgivenEveryMs / 1000;
    assert.equal(await attempt(account.name, PASSWORD, { address: '2001:db8:0:7::' }), waitS);
    assert.equal(await attempt(account.name, PASSWORD, { address: '2001:db8:0:8::' }), 'accepted');
    assert.equal(await attempt(account.name, PASSWORD, { address: '192.0.2.1' }), 'accepted');
    nowMs += ADDRESS_LIMIT.forgivenEveryMs;
    assert.equal(await attempt(account.name, PASSWORD, { address: '2001:db8:0:7::' }), 'accepted');
  });

  describe('of attempts that come at once, to several processes', () => {
    /** Each process has its own hashing; what they share is the database. */
    const processes = [testPasswords(), testPasswords(), testPasswords()];
    const atOnce = (username: string, passwords: string[]) =>
      Promise.all(
        passwords.map((password, index) =>
          attempt(username, password, { passwords: processes[index % processes.length] }),
        ),
      );
    const wrong = Array.from({ length: 24 }, (_, index) => `wrong-${index}`);

    it('tells the outcome of one', async () => {
      const { account } = await buildUser(db, { password: PASSWORD });
      const first = await atOnce(account.name, wrong);
      assert.equal(first.filter((outcome) => outcome === 'refused').length, 1, first.join());
      for (let round = 2; round <= 4; round += 1) {
        nowMs += 600_000;
        const outcomes = await atOnce(account.name, wrong);
        assert.equal(outcomes.filter((outcome) => outcome === 'refused').length, 1, outcomes.join());
        const [row] = await db.manager.find(LoginBackoffRow);
        assert.equal(row?.failures, round);
      }
    });

    it('does not tell the right one among guesses of which one was counted', async () => {
      const { account } = await buildUser(db, { password: PASSWORD });
      // One hash after the other: the first failure is counted long before the last is looked at.
      const passwords = new Passwords({ memoryKib: 8192, iterations: 2, atOnce: 1 });
      const outcomes = await Promise.all(
        [...wrong, PASSWORD].map((password) => attempt(account.name, password, { passwords })),
      );
      assert.equal(outcomes.filter((outcome) => outcome === 'refused').length, 1, outcomes.join());
      assert.equal(outcomes.at(-1), 1);
    });

    it('looks at one password only once there was a failure', async () => {
      const { account } = await buildUser(db, { password: PASSWORD });
      await failTimes(account.name, 3);
      nowMs += 600_000;
      const outcomes = await atOnce(account.name, [...wrong, PASSWORD]);
      const looked = outcomes.filter((outcome) => typeof outcome === 'string');
      // The right one may be that one; then whoever comes after it begins anew.
      if (outcomes.at(-1) === 'accepted') assert.ok(looked.length <= 2, outcomes.join());
      else assert.equal(looked.length, 1, outcomes.join());
    });

    it('accepts all right ones of who had no failure, and writes nothing for them', async () => {
      const { account } = await buildUser(db, { password: PASSWORD });
      const outcomes = await atOnce(
        account.name,
        wrong.map(() => PASSWORD),
      );
      assert.ok(
        outcomes.every((outcome) => outcome === 'accepted'),
        outcomes.join(),
      );
      assert.equal(await db.manager.count(LoginBackoffRow), 0);
      assert.equal(await db.manager.count(LoginFloodRow), 0);
    });

    it('counts every failure of many accounts from one address', async () => {
      const names = Array.from({ length: 30 }, () => uniqueName('nobody'));
      const outcomes = await Promise.all(names.map((name) => attempt(name, 'wrong')));
      assert.ok(outcomes.every((outcome) => outcome === 'refused'));
      const row = await db.manager.findOneByOrFail(LoginFloodRow, { scope: '192.0.2.1' });
      assert.equal(row.drainedAtMs, nowMs + names.length * ADDRESS_LIMIT.forgivenEveryMs);
    });
  });

  it('does not count what no process had time to look at', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    await failTimes(account.name, 2);
    nowMs += 600_000;
    const passwords = new Passwords({ memoryKib: 32_768, iterations: 10, atOnce: 1, waiting: 0 });
    const running = passwords.hash('somebody else');
    assert.equal(await attempt(account.name, 'wrong', { passwords }), 1);
    await running;
    const [row] = await db.manager.find(LoginBackoffRow);
    assert.equal(row?.failures, 2);
    assert.equal(await attempt(account.name, PASSWORD, { passwords }), 'accepted');
  });

  it('forgets a failure after a day', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    await failTimes(account.name, 8);
    nowMs += 24 * 3_600_000;
    assert.equal(await attempt(account.name, 'wrong'), 'refused');
    nowMs += 500;
    assert.equal(await attempt(account.name, PASSWORD), 'accepted');
  });

  it('locks nobody out because the clock was set back', async () => {
    const { account } = await buildUser(db, { password: PASSWORD });
    const { account: other } = await buildUser(db, { password: PASSWORD });
    nowMs += 86_400_000;
    for (let failures = 0; failures < 3; failures += 1) {
      assert.equal(await attempt(account.name, 'wrong'), 'refused');
      nowMs += 5000;
    }
    nowMs -= 86_400_000;
    assert.equal(await attempt(account.name, 'wrong'), 'refused');
    assert.equal(await attempt(other.name, 'wrong'), 'refused');
    nowMs += 7500;
    assert.equal(await attempt(other.name, PASSWORD), 'accepted');
    assert.equal(await attempt(account.name, PASSWORD), 'accepted');
  });

  it('keeps no name that was typed: it may be a password', async () => {
    await attempt('my-secret-password', 'wrong');
    const rows = [...(await db.manager.find(LoginBackoffRow)), ...(await db.manager.find(LoginFloodRow))];
    assert.equal(rows.length, 3);
    assert.ok(!JSON.stringify(rows).includes('secret'));
  });
});
