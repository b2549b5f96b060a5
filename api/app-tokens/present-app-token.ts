import { appTokenPassword } from '../../auth/tokens';
import type { AppToken } from '../../db/entities/accounts';
import { rfcDate } from '../present/dates';

/** An app token in api spec 21's shape, without what would sign somebody in. */
export function presentAppToken({ uuid, title, lastAccessedMs, createdAtMs, expiresAtMs }: AppToken) {
  return {
    uuid,
    title,
    last_accessed: lastAccessedMs === null ? null : rfcDate(lastAccessedMs),
    created: rfcDate(createdAtMs),
    expiration: expiresAtMs === null ? null : rfcDate(expiresAtMs),
  };
}

/** The same with the password, for the user whose it is. */
export function presentWithCode(token: AppToken) {
  return { ...presentAppToken(token), token_code: appTokenPassword(token) };
}
