import type { Passwords } from '../../auth/passwords';
import { Account } from '../../db/entities/accounts';
import { lockInstallation } from '../../db/stores/accounts';
import type { Act, ActDeps, Actor } from '../act';
import { runAct, writeAudit } from '../act';
import { ActError } from '../act-error';
import type { AccountDefaults } from './insert-account';
import { insertAccount, requireAccountName, requireEmail, requirePassword } from './insert-account';

export type UserDeps = ActDeps & AccountDefaults & { passwords: Passwords };

export interface NewUser {
  name: string;
  /** At least 8 characters without white space. */
  password: string;
  email?: string | null;
  superuser?: boolean;
}

/** Adds an enabled user; refuses names and addresses that are taken or not legal with `invalid` (api spec 20). */
export function createUser(deps: UserDeps, actor: Actor, input: NewUser): Promise<Account> {
  return addUser(deps, actor, input, () => Promise.resolve());
}

/**
 * Makes the superuser of an installation that has no user at all (permissions spec 13.1, row 1): of two calls at once
 * one is refused.
 */
export function createFirstSuperuser(
  deps: UserDeps,
  actor: Actor,
  input: Omit<NewUser, 'superuser'>,
): Promise<Account> {
  return addUser(deps, actor, { ...input, superuser: true }, async (act) => {
    await lockInstallation(act.manager);
    if (await act.manager.existsBy(Account, { kind: 'user' })) {
      throw new ActError('invalid', 'Cannot initialize user in a non-empty database');
    }
  });
}

async function addUser(
  deps: UserDeps,
  actor: Actor,
  input: NewUser,
  check: (act: Act) => Promise<void>,
): Promise<Account> {
  const name = requireAccountName(input.name);
  const email = requireEmail(input.email);
  // Outside the transaction: it takes time, and a repeated act need not pay for it again.
  const passwordHash = await deps.passwords.hash(requirePassword(input.password));
  return runAct(deps, actor, async (act) => {
    await check(act);
    const columns = { name, email, passwordHash, verified: true, superuser: input.superuser ?? false };
    const account = await insertAccount(
      act,
      deps,
      { kind: 'user', ...columns },
      'The username already exists',
    );
    await writeAudit(
      act,
      'user_create',
      { namespaceId: account.id },
      { username: name, email, superuser: account.superuser },
    );
    return account;
  });
}
