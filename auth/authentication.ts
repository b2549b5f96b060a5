import type { DataSource } from 'typeorm';

import type { Config } from '../config/schema';
import type { Account } from '../db/entities/accounts';
import type { Identity } from './identity';
import type { Passwords } from './passwords';
import type { Caps } from './scopes';
import { allowsSuperuser } from './scopes';

/** What proving an identity needs; every composition root that serves HTTP has it. */
export interface AuthDeps {
  dataSource: DataSource;
  /** Milliseconds since the epoch. */
  now: () => number;
  passwords: Passwords;
  config: Pick<
    Config,
    | 'SUPER_USERS'
    | 'GLOBAL_READONLY_SUPER_USERS'
    | 'ROBOTS_DISALLOW'
    | 'ROBOTS_WHITELIST'
    | 'FEATURE_APP_SPECIFIC_TOKENS'
    | 'FEATURE_REQUIRE_ENCRYPTED_BASIC_AUTH'
  >;
}

type UserIdentity = Extract<Identity, { kind: 'user' }>;

export type AuthOutcome =
  | { outcome: 'accepted'; identity: Identity }
  /** `message` is what the caller is told (registry spec 9.5). */
  | { outcome: 'refused'; message: string }
  | Throttled;

/** Not now: 429, and the credentials were not looked at. */
export interface Throttled {
  outcome: 'throttled';
  message: string;
  /** Whole seconds, at least one. */
  retryAfterS: number;
}

export const DISABLED_USER = 'This user has been disabled. Please contact your administrator.';

export function accepted(identity: Identity): AuthOutcome {
  return { outcome: 'accepted', identity };
}

export function refused(message: string): AuthOutcome {
  return { outcome: 'refused', message };
}

export function throttled(waitMs: number): Throttled {
  const retryAfterS = Math.max(1, Math.ceil(waitMs / 1000));
  const message = `Too many login attempts. Please try again in ${retryAfterS} s.`;
  return { outcome: 'throttled', message, retryAfterS };
}

/** The identity of a user who is proved; superusers by flag or by configuration, auditors never (permissions spec 13.1). */
export function userIdentity(
  config: Pick<Config, 'SUPER_USERS' | 'GLOBAL_READONLY_SUPER_USERS'>,
  account: Account,
  { via, scopes = null, token }: Pick<UserIdentity, 'via' | 'token'> & { scopes?: Caps },
): UserIdentity {
  const { name } = account;
  const isSuperuser = account.superuser || config.SUPER_USERS.includes(name);
  const isAuditor = config.GLOBAL_READONLY_SUPER_USERS.includes(name);
  return {
    kind: 'user',
    accountId: account.id,
    name,
    superuser: isSuperuser && !isAuditor && allowsSuperuser(scopes),
    via,
    scopes,
    ...(token && { token }),
  };
}
