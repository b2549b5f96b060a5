import type { DataSource } from 'typeorm';

import type { AuthDeps } from '../../auth/authentication';
import { Passwords } from '../../auth/passwords';
import type { SessionConfig } from '../../auth/sessions';
import type { AccountDefaults } from '../../commands/accounts/insert-account';
import type { Caller } from '../../commands/caller';
import { actorOf } from '../../commands/caller';
import type { Identity } from '../../auth/identity';

/** Argon2id at its lowest cost. */
export function testPasswords(): Passwords {
  return new Passwords({ memoryKib: 64, iterations: 1, atOnce: 2 });
}

export type TestAuthDeps = AuthDeps & {
  config: AuthDeps['config'] & SessionConfig & AccountDefaults['config'];
};

/** Who acts in a test, from an address of the documentation's range. */
export function callerOf(identity: Identity): Caller {
  return { identity, actor: actorOf(identity, '192.0.2.7') };
}

/** What `auth/` and `commands/accounts` need, with everything at its default. */
export function testAuthDeps(
  dataSource: DataSource,
  {
    config,
    ...rest
  }: Partial<Omit<TestAuthDeps, 'config'>> & { config?: Partial<TestAuthDeps['config']> } = {},
): TestAuthDeps {
  return {
    dataSource,
    now: Date.now,
    passwords: testPasswords(),
    config: {
      SUPER_USERS: [],
      GLOBAL_READONLY_SUPER_USERS: [],
      ROBOTS_DISALLOW: false,
      ROBOTS_WHITELIST: [],
      SESSION_TIMEOUT: '31d',
      DEFAULT_TAG_EXPIRATION: '2w',
      ...config,
    },
    ...rest,
  };
}
