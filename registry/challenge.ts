import { RegistryError } from './errors';
import type { RegistryDeps } from './registry-deps';

export interface Challenge {
  /** Repository as the client wrote it, with the actions that are needed. */
  scope?: { name: string; actions: string };
  /** Why a token that was sent is not enough; clients drop a cached one only then (registry spec 18.7). */
  error?: 'invalid_token' | 'insufficient_scope';
}

/** The one Bearer challenge of a 401 (registry spec 3). */
function challengeHeader(config: RegistryDeps['config'], { scope, error }: Challenge): string {
  const { SERVER_HOSTNAME: host, PREFERRED_URL_SCHEME: scheme } = config;
  const parts = [`realm="${scheme}://${host}/v2/auth"`, `service="${host}"`];
  if (scope) parts.push(`scope="repository:${scope.name}:${scope.actions}"`);
  if (error) parts.push(`error="${error}"`);
  return `Bearer ${parts.join(',')}`;
}

export function unauthorized(
  config: RegistryDeps['config'],
  challenge: Challenge,
  message?: string,
): RegistryError {
  const headers = { 'WWW-Authenticate': challengeHeader(config, challenge) };
  return new RegistryError('UNAUTHORIZED', {}, { headers, message });
}
