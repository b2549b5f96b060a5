import { StorageFullError, StorageUnwritableError } from './errors';

const FULL_CODES = ['ENOSPC', 'EDQUOT'];
const UNWRITABLE_CODES = ['EROFS', 'EACCES', 'EPERM', 'EIO', 'ENODEV', 'ENOTCONN', 'ESTALE'];

export function isFull(error: unknown): boolean {
  return FULL_CODES.includes(codeOf(error));
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** A disk that is full, or takes nothing, gets its own type; everything else stays what the system said. */
export function toStorageError(error: unknown, key: string): unknown {
  if (isFull(error)) return new StorageFullError(key, { cause: error });
  if (UNWRITABLE_CODES.includes(codeOf(error))) return new StorageUnwritableError(key, { cause: error });
  return error;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
