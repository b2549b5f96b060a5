import type { IncomingMessage, ServerResponse } from 'node:http';

import { z } from 'zod';

import { RegistryError } from '../errors';
import type { Registry } from '../exchange';
import { readBody } from '../read-body';
import { logIn } from '../token/log-in';
import { callerOf } from './callers';
import { sendV1 } from './send-v1';

interface UserRequest {
  req: IncomingMessage;
  res: ServerResponse;
}

const LIMIT_BYTES = 16 * 1024;
const account = z.object({ username: z.string(), password: z.string().default('') });

/**
 * `POST /v1/users`: a client that wants to make an account, and is told that it has one when the password is right: only
 * then does it go on to log in.
 */
export async function confirmUser(
  { req, res, acceptBody }: UserRequest & { acceptBody: () => void },
  registry: Registry,
): Promise<void> {
  acceptBody();
  const body = await readBody(req, LIMIT_BYTES, { code: 'INVALID_REQUEST' });
  const parsed = account.safeParse(jsonOf(body.toString('utf8')));
  if (!parsed.success) {
    throw new RegistryError('INVALID_REQUEST', {}, { message: 'username and password are missing' });
  }
  const refuse = (message?: string) => new RegistryError('UNAUTHORIZED', {}, { status: 400, message });
  await logIn({ req, credentials: parsed.data, refuse }, registry);
  sendV1(res, 400, 'Username or email already exists');
}

/** `GET /v1/users`: who the caller is. */
export async function tellUser({ req, res }: UserRequest, registry: Registry): Promise<void> {
  const identity = await callerOf(req, registry);
  if (identity.kind === 'anonymous') {
    throw new RegistryError('UNSUPPORTED', {}, { status: 404, message: 'nobody is logged in' });
  }
  sendV1(res, 200, { username: nameOf(identity), email: null });
}

function nameOf(identity: Exclude<Awaited<ReturnType<typeof callerOf>>, { kind: 'anonymous' }>): string {
  return identity.kind === 'repository-token' ? '$token' : identity.name;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // The schema refuses it.
  }
}
