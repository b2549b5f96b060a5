import { StorageFullError } from './errors';

const FULL_CODES = ['ENOSPC', 'EDQUOT'];

export function isFull(error: unknown): boolean {
  return FULL_CODES.includes(codeOf(error));
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** A full disk gets its own type; everything else stays what the system said. */
export function toStorageError(error: unknown, key: string): unknown {
  return isFull(error) ? new StorageFullError(key, { cause: error }) : error;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
