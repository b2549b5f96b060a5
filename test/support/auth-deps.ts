import { randomBytes } from 'node:crypto';

import type { DataSource } from 'typeorm';

import type { AuthDeps, AuthOutcome } from '../../auth/authentication';
import { authenticateBasic } from '../../auth/basic';
import { Passwords } from '../../auth/passwords';
import type { AccountDefaults } from '../../commands/accounts/insert-account';
import type { SignInDeps } from '../../commands/accounts/sign-in';
import type { Caller } from '../../commands/caller';
import { actorOf } from '../../commands/caller';
import type { Identity } from '../../auth/identity';

/** Argon2id at its lowest cost. */
export function testPasswords(): Passwords {
  return new Passwords({ memoryKib: 64, iterations: 1, atOnce: 2 });
}

export type TestAuthDeps = AuthDeps & {
  config: AuthDeps['config'] & SignInDeps['config'] & AccountDefaults['config'];
};

/** Who acts in a test, from an address of the documentation's range. */
export function callerOf(identity: Identity): Caller {
  return { identity, actor: actorOf(identity, '192.0.2.7') };
}

/** Basic credentials from an address of their own, so that a wrong pair throttles no pair that follows. */
export function proveBasic(deps: AuthDeps, username: string, password: string): Promise<AuthOutcome> {
  return authenticateBasic(deps, { username, password }, uniqueAddress());
}

/** One of the documentation's range, in a network of its own. */
export function uniqueAddress(): string {
  const [a, b, c] = [0, 1, 2].map(() => randomBytes(2).toString('hex'));
  return `2001:db8:${a}:${b}::${c}`;
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
      FEATURE_APP_SPECIFIC_TOKENS: true,
      FEATURE_REQUIRE_ENCRYPTED_BASIC_AUTH: false,
      ACTION_LOG_AUDIT_LOGINS: true,
      ACTION_LOG_AUDIT_LOGIN_FAILURES: false,
      SESSION_TIMEOUT: '31d',
      DEFAULT_TAG_EXPIRATION: '2w',
      ...config,
    },
    ...rest,
  };
}
