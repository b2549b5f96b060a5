import type { IncomingMessage } from 'node:http';

import { parseBasicHeader } from '../../auth/basic';
import type { Identity } from '../../auth/identity';
import { ANONYMOUS } from '../../auth/identity';
import { RegistryError } from '../errors';
import type { Registry } from '../exchange';
import { logIn } from '../token/log-in';

/** Whoever asks, by HTTP Basic; nobody where that is allowed. */
export async function callerOf(req: IncomingMessage, registry: Registry): Promise<Identity> {
  const header = req.headers.authorization;
  const { config } = registry.deps;
  const refuse = (message?: string) => {
    const headers = { 'WWW-Authenticate': `Basic realm="${config.SERVER_HOSTNAME}"` };
    return new RegistryError('UNAUTHORIZED', {}, { message, headers });
  };
  if (header === undefined) {
    if (config.FEATURE_ANONYMOUS_ACCESS) return ANONYMOUS;
    throw refuse();
  }
  const credentials = parseBasicHeader(header);
  if (!credentials) throw refuse('the Authorization header is not of the kind Basic');
  return logIn({ req, credentials, refuse }, registry);
}
