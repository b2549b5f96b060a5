import { credentialProof } from '../../auth/credential-proof';
import type { Identity } from '../../auth/identity';
import type { StoredCredential } from '../../db/stores/credential-proofs';
import type { Act } from '../act';
import { ActError } from '../act-error';
import type { Caller } from '../caller';

/** A caller of the registry. */
export interface Pusher extends Caller {
  userAgent?: string;
  /** Set when the identity comes from a token of some age: the credentials behind it as they were at its issue. */
  proof?: string;
}

/** Refuses a caller whose credentials were changed or switched off since its token was issued. */
export async function recheckPusher(
  { manager, nowMs }: Act,
  { identity, proof }: Pusher,
  known?: StoredCredential,
): Promise<void> {
  if (proof === undefined) return;
  if ((await credentialProof(manager, identity, nowMs, known)) !== proof) {
    throw new ActError('unauthorized', 'the credentials behind this token are no longer valid', 'token');
  }
}

/** The keys of the usage log that tell who it was (registry spec 16). */
export function auditPusher({ identity, userAgent }: Pusher): Record<string, unknown> {
  const agent = userAgent === undefined ? {} : { 'user-agent': userAgent };
  switch (identity.kind) {
    case 'user':
      return { username: identity.name, ...tokenKeys(identity), ...agent };
    case 'robot':
      return { username: identity.name, is_robot: true, ...agent };
    case 'repository-token':
      return { token: identity.friendlyName, ...agent };
    case 'anonymous':
      return { public: true, ...agent };
    default:
      return identity satisfies never;
  }
}

function tokenKeys({ token }: Extract<Identity, { kind: 'user' }>): Record<string, unknown> {
  if (!token) return {};
  const { kind, uuid, title } = token;
  return kind === 'oauth'
    ? { oauth_token_id: uuid }
    : { app_specific_token: uuid, app_specific_token_title: title };
}
