import type { DataSource } from 'typeorm';

import { createPasswords } from '../auth/passwords';
import { SYSTEM } from '../commands/act';
import { changePassword } from '../commands/accounts/change-password';
import { createUser } from '../commands/accounts/create-user';
import type { Config } from '../config/schema';
import { Account } from '../db/entities/accounts';
import type { Command } from './command';
import { CommandError, positional, print, textOption } from './command';
import { withDatabase } from './database';
import { givenPassword, PASSWORD_FILE } from './password-source';

export const createUserCommand: Command = {
  words: ['admin', 'user', 'create'],
  positionals: ['name'],
  summary: 'make an account',
  options: {
    superuser: { type: 'boolean', help: 'may use the superuser panel' },
    email: { type: 'string', value: '<address>', help: 'address for mail' },
    'password-file': PASSWORD_FILE,
  },
  run(input, config) {
    return withDatabase(config, async (dataSource) => {
      const name = positional(input, 0);
      const superuser = input.options.superuser === true;
      const { password, announce } = await givenPassword(input);
      const deps = accountDeps(dataSource, config);
      if (await isMadeAlready(dataSource, { name, superuser, password }, config)) {
        print(`user "${name}" is there already, with this password`);
        return 0;
      }
      await createUser(deps, SYSTEM, { name, password, superuser, email: textOption(input, 'email') });
      print(`${superuser ? 'superuser' : 'user'} "${name}" was made`);
      announce();
      return 0;
    });
  },
};

export const changePasswordCommand: Command = {
  words: ['admin', 'user', 'password'],
  positionals: ['name'],
  summary: 'set the password of an account and end its sessions',
  options: { 'password-file': PASSWORD_FILE },
  run(input, config) {
    return withDatabase(config, async (dataSource) => {
      const { id, name } = await requireUser(dataSource, positional(input, 0));
      const { password, announce } = await givenPassword(input);
      await changePassword(accountDeps(dataSource, config), SYSTEM, { accountId: id, password });
      print(`the password of "${name}" was set`);
      announce();
      return 0;
    });
  },
};

export async function requireUser(dataSource: DataSource, name: string): Promise<Account> {
  const account = await dataSource.manager.findOneBy(Account, { name, kind: 'user' });
  if (!account) throw new CommandError(`there is no user "${name}"`);
  return account;
}

/** The same call again, after a crash say, is no error; the same name with another password is. */
async function isMadeAlready(
  dataSource: DataSource,
  { name, superuser, password }: { name: string; superuser: boolean; password: string },
  config: Config,
): Promise<boolean> {
  const account = await dataSource.manager.findOneBy(Account, { name });
  if (!account) return false;
  if (account.kind !== 'user') {
    throw new CommandError(`the name "${name}" is taken by an organization or robot`);
  }
  const same = await createPasswords(config).verify(password, account.passwordHash);
  if (same && account.superuser === superuser) return true;
  throw new CommandError(`user "${name}" already exists`);
}

function accountDeps(dataSource: DataSource, config: Config) {
  return { dataSource, config, now: Date.now, passwords: createPasswords(config) };
}
