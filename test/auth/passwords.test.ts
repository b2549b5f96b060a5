import assert from 'node:assert/strict';

import { Passwords, PasswordsBusyError } from '../../auth/passwords';
import { testPasswords } from '../support/auth-deps';

describe('passwords', () => {
  it('are hashed with argon2id and a salt of their own', async () => {
    const passwords = testPasswords();
    const [a, b] = [await passwords.hash('correct horse'), await passwords.hash('correct horse')];
    assert.match(a, /^\$argon2id\$/);
    assert.notEqual(a, b);
    assert.equal(await passwords.verify('correct horse', a), true);
    assert.equal(await passwords.verify('correct horse ', a), false);
  });

  it('cost a check, and are wrong, where no hash is stored', async () => {
    const passwords = testPasswords();
    assert.equal(await passwords.verify('anything', null), false);
    assert.equal(await passwords.verify('', null), false);
  });

  it('are remembered for a while once they were right, and forgotten with their hash', async () => {
    let now = 0;
    const options = { memoryKib: 64, iterations: 1, atOnce: 1, waiting: 0, rememberMs: 1000, now: () => now };
    const passwords = new Passwords(options);
    const stored = await passwords.hash('pass-word');
    const changed = await passwords.hash('pass-word');
    assert.equal(await passwords.verify('pass-word', stored), true);
    // While the only place is taken, nothing but a remembered password can be told right.
    const verifyMeanwhile = async (hash: string) => {
      const [outcome] = await Promise.allSettled([
        Promise.all([passwords.hash('busy'), passwords.verify('pass-word', hash)]),
      ]);
      return outcome.status === 'fulfilled';
    };
    assert.equal(await verifyMeanwhile(stored), true);
    assert.equal(await verifyMeanwhile(changed), false);
    now = 1000;
    assert.equal(await verifyMeanwhile(stored), false);
  });

  it('wait for their turn, and are turned away when too many wait', async () => {
    const passwords = new Passwords({ memoryKib: 64, iterations: 1, atOnce: 1, waiting: 2 });
    const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map((text) => passwords.hash(text)));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.equal(refused.length, 2);
    for (const { reason } of refused) assert.ok(reason instanceof PasswordsBusyError);
    assert.match(await passwords.hash('afterwards'), /^\$argon2id\$/);
  });
});
