import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

import type { Identity } from '../auth/identity';
import type { ApiRequest } from './route';

const LIFETIME_MS = 2 * 86_400_000;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface PageTokens {
  /** The cursor of `?next_page=`; undefined, that is the first page, when absent, expired, or made for another call. */
  open(operationId: string, request: ApiRequest): number | undefined;
  seal(operationId: string, request: ApiRequest, cursor: number): string;
}

/**
 * Tokens that continue a list: sealed, valid for two days, and bound to the list, its other arguments and the caller,
 * so that one from another list or person counts as invalid (permissions spec 13.4).
 */
export function createPageTokens(secret: string, now: () => number): PageTokens {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'slipway page tokens', 32));
  return {
    seal(operationId, request, cursor) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(binding(operationId, request));
      const sealed = Buffer.concat([
        cipher.update(JSON.stringify([cursor, now() + LIFETIME_MS])),
        cipher.final(),
      ]);
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
    },
    open(operationId, request) {
      const token = Buffer.from(request.query.get('next_page') ?? '', 'base64url');
      if (token.length <= NONCE_BYTES + TAG_BYTES) return undefined;
      const decipher = createDecipheriv('aes-256-gcm', key, token.subarray(0, NONCE_BYTES))
        .setAAD(binding(operationId, request))
        .setAuthTag(token.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      try {
        const text =
          decipher.update(token.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') +
          decipher.final('utf8');
        const [cursor, expiresAtMs] = JSON.parse(text) as [number, number];
        return expiresAtMs > now() ? cursor : undefined;
      } catch {
        // Made for something else, or not by us: the first page, says the contract.
        return undefined;
      }
    },
  };
}

function binding(operationId: string, request: ApiRequest): Buffer {
  const query = new URLSearchParams(request.query);
  query.delete('next_page');
  query.sort();
  return Buffer.from(
    JSON.stringify([operationId, callerOf(request.identity), request.params, query.toString()]),
  );
}

function callerOf(identity: Identity): string {
  return 'accountId' in identity ? String(identity.accountId) : identity.kind;
}
