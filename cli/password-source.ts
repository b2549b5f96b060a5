import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { CommandInput, CommandOption } from './command';
import { CommandError, print, textOption } from './command';
import { reasonOf } from './database';

export const PASSWORD_FILE: CommandOption = {
  type: 'string',
  value: '<file>',
  help: 'read the password from the first line of a file; without it one is made and printed',
};

export interface GivenPassword {
  password: string;
  /** Shows the password if it was made here: nobody else knows it. */
  announce: () => void;
}

/** From `--password-file`, never from the command line, which other users of the machine can read. */
export async function givenPassword(input: CommandInput): Promise<GivenPassword> {
  const path = textOption(input, 'password-file');
  if (path === undefined) {
    const password = randomBytes(15).toString('base64url');
    return { password, announce: () => print(`password: ${password}`) };
  }
  try {
    const [password = ''] = (await readFile(path, 'utf8')).split(/\r?\n/, 1);
    return { password, announce: () => undefined };
  } catch (cause) {
    throw new CommandError(`the password file cannot be read: ${reasonOf(cause)}`, { cause });
  }
}
