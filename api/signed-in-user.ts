import type { Identity } from '../auth/identity';
import { requiresAuthentication } from './errors';
import type { ApiRequest } from './route';

export type UserIdentity = Extract<Identity, { kind: 'user' }>;

/** The user that the access of the route guarantees. */
export function signedInUser({ identity }: Pick<ApiRequest, 'identity'>): UserIdentity {
  if (identity.kind !== 'user') throw requiresAuthentication();
  return identity;
}
