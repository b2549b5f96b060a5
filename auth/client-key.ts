import type { Account } from '../db/entities/accounts';
import { openSealed, seal } from '../db/sealing';
import { hashToken, isSameSecret } from './tokens';

/** How sealed texts begin, so that other passwords cost nothing here. */
const LOOKS_SEALED = /^v\d+\.[0-9a-f]{8}\./;

/**
 * What a client may send as the password of a user without ever knowing it: it names the user and the password that was
 * set when it was made, and dies with that (permissions spec 13.2, row 19).
 */
export function newClientKey(account: Account): string {
  return seal(contentOf(account));
}

export function looksLikeClientKey(text: string): boolean {
  return LOOKS_SEALED.test(text);
}

export function isClientKeyOf(account: Account, text: string): boolean {
  if (account.passwordHash === null) return false;
  try {
    return isSameSecret(openSealed(text), contentOf(account));
  } catch {
    // Nothing that we sealed: a password that happens to look so, or a guess.
    return false;
  }
}

/** The first word sets it apart from all else that is sealed. */
function contentOf({ uuid, passwordHash }: Account): string {
  return `client-key ${uuid} ${hashToken(passwordHash ?? '')}`;
}
