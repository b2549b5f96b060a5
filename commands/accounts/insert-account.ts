import { randomUUID } from 'node:crypto';

import type { Config } from '../../config/schema';
import { Account } from '../../db/entities/accounts';
import { parseDurationMs } from '../../model/durations';
import { isNamespaceName } from '../../model/names';
import { normaliseEmail } from '../../model/rule-configs';
import type { Act } from '../act';
import { isDuplicateKey } from '../act';
import { ActError } from '../act-error';

export interface AccountDefaults {
  config: Pick<Config, 'DEFAULT_TAG_EXPIRATION'>;
}

interface NewAccount extends Partial<Account> {
  kind: Account['kind'];
  name: string;
}

/** Adds a row to the one space of names; `nameTaken` is what the caller is told when somebody has the name. */
export async function insertAccount(
  act: Act,
  { config }: AccountDefaults,
  columns: NewAccount,
  nameTaken: string,
): Promise<Account> {
  const { name, email = null } = columns;
  try {
    await act.manager.insert(Account, {
      uuid: randomUUID(),
      tagExpirationMs: parseDurationMs(config.DEFAULT_TAG_EXPIRATION) ?? 0,
      createdAtMs: act.nowMs,
      ...columns,
      email,
    });
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    if (await act.manager.existsBy(Account, { name })) throw new ActError('invalid', nameTaken, 'name');
    throw new ActError('invalid', `The email address "${email ?? ''}" is already in use`, 'email');
  }
  return act.manager.findOneByOrFail(Account, { name });
}

/** The name as it is, or a refusal that says what a name looks like. */
export function requireAccountName(name: string): string {
  if (isNamespaceName(name)) return name;
  throw new ActError(
    'invalid',
    `Invalid name "${name}": it must have 2 to 255 lowercase letters and digits, with single ".", "_" or "-" between them`,
    'name',
  );
}

/** Lower case; undefined and the empty text are no address. */
export function requireEmail(email: string | null | undefined): string | null {
  if (email === undefined || email === null || email === '') return null;
  const normalised = normaliseEmail(email);
  if (normalised === undefined) throw new ActError('invalid', `Invalid email address: ${email}`, 'email');
  return normalised;
}

export function requirePassword(password: string): string {
  if (password.length >= 8 && !/\s/.test(password)) return password;
  throw new ActError(
    'invalid',
    'Invalid password, password must be at least 8 characters and contain no whitespace.',
    'password',
  );
}
