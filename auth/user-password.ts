import type { EntityManager } from 'typeorm';

import { Account } from '../db/entities/accounts';
import type { AuthDeps, Throttled } from './authentication';
import { DISABLED_USER, throttled } from './authentication';
import type { AdmittedAttempt } from './login-throttle';
import { admitAttempt, countFailure, countSuccess, loginAttempt, withdrawAttempt } from './login-throttle';
import { PasswordsBusyError } from './passwords';

const WRONG_PASSWORD = 'Invalid Username or Password';
/** Somebody else's attempt took our turn, or all places for hashing are taken. */
const A_MOMENT_MS = 1000;

type PasswordOutcome =
  { outcome: 'accepted'; account: Account } | { outcome: 'refused'; message: string } | Throttled;

type PasswordDeps = Pick<AuthDeps, 'dataSource' | 'passwords' | 'now'>;

/**
 * Proves a user by name or e-mail address. Unknown names, organizations and accounts without a password take as long, say
 * the same and are throttled like a wrong password; only the right one learns that its account is disabled.
 */
export async function checkUserPassword(
  deps: PasswordDeps,
  { username, password }: { username: string; password: string },
  address: string | null,
): Promise<PasswordOutcome> {
  const account = await findUser(deps.dataSource.manager, username);
  const name = isEmail(username) ? username.toLowerCase() : username;
  const admission = await admitAttempt(deps, loginAttempt(account, name, address));
  if (admission.outcome === 'throttled') return throttled(admission.waitMs);
  const right = await verifyUnlessBusy(deps, password, account?.passwordHash ?? null);
  return conclude(deps, admission, { account, right });
}

/** By name, or by e-mail address in any case. */
export function findUser(manager: EntityManager, nameOrEmail: string): Promise<Account | null> {
  const kind = 'user' as const;
  const where = isEmail(nameOrEmail)
    ? { email: nameOrEmail.toLowerCase(), kind }
    : { name: nameOrEmail, kind };
  return manager.findOneBy(Account, where);
}

function isEmail(text: string): boolean {
  return text.includes('@');
}

async function conclude(
  deps: PasswordDeps,
  admission: AdmittedAttempt,
  { account, right }: { account: Account | null; right: boolean | 'busy' },
): Promise<PasswordOutcome> {
  if (right === 'busy') {
    await withdrawAttempt(deps, admission);
    return throttled(A_MOMENT_MS);
  }
  const isProved = account !== null && right;
  const isCounted = await (isProved ? countSuccess(deps, admission) : countFailure(deps, admission));
  if (!isCounted) return throttled(A_MOMENT_MS);
  if (!isProved) return { outcome: 'refused', message: WRONG_PASSWORD };
  if (!account.enabled) return { outcome: 'refused', message: DISABLED_USER };
  return { outcome: 'accepted', account };
}

async function verifyUnlessBusy(
  { passwords }: Pick<AuthDeps, 'passwords'>,
  password: string,
  stored: string | null,
): Promise<boolean | 'busy'> {
  try {
    return await passwords.verify(password, stored);
  } catch (error) {
    if (error instanceof PasswordsBusyError) return 'busy';
    throw error;
  }
}
