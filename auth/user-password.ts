import { Account } from '../db/entities/accounts';
import type { AuthDeps } from './authentication';
import { DISABLED_USER } from './authentication';
import { PasswordsBusyError } from './passwords';

const WRONG_PASSWORD = 'Invalid Username or Password';
const TOO_MANY = 'Too many login attempts. Please try again later.';

export type PasswordOutcome =
  { outcome: 'accepted'; account: Account } | { outcome: 'refused' | 'busy'; message: string };

/**
 * Proves a user by name or e-mail address. Unknown names, organizations and accounts without a password take as long
 * and say the same as a wrong password; only the right one learns that its account is disabled.
 */
export async function checkUserPassword(
  deps: Pick<AuthDeps, 'dataSource' | 'passwords'>,
  nameOrEmail: string,
  password: string,
): Promise<PasswordOutcome> {
  const where = nameOrEmail.includes('@')
    ? { email: nameOrEmail.toLowerCase(), kind: 'user' as const }
    : { name: nameOrEmail, kind: 'user' as const };
  const account = await deps.dataSource.manager.findOneBy(Account, where);
  const right = await verifyUnlessBusy(deps, password, account?.passwordHash ?? null);
  if (right === 'busy') return { outcome: 'busy', message: TOO_MANY };
  if (!account || !right) return { outcome: 'refused', message: WRONG_PASSWORD };
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
