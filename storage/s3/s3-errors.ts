import { S3ServiceException } from '@aws-sdk/client-s3';

import { StorageFullError, StorageUnavailableError } from '../errors';

const FULL_CODES = [
  'InsufficientStorage',
  'QuotaExceeded',
  'QuotaExceededException',
  'XMinioStorageFull',
  'XMinioAdminBucketQuotaExceeded',
];
const FULL_STATUS = 507;

/** What a store answered. Without the request and the answer themselves, which carry signatures. */
class S3AnswerError extends Error {
  readonly status: number | undefined;
  readonly requestId: string | undefined;

  constructor(error: Error) {
    super(error.message);
    this.name = error.name;
    this.stack = error.stack;
    if (!(error instanceof S3ServiceException)) return;
    this.status = error.$metadata.httpStatusCode;
    this.requestId = error.$metadata.requestId;
  }
}

export function isMissing(error: unknown): boolean {
  return isNamed(error, ['NoSuchKey', 'NotFound']);
}

/** The multipart upload was completed or given up, by us or by whoever took over. */
export function isUploadGone(error: unknown): boolean {
  return isNamed(error, ['NoSuchUpload']);
}

/** Not one byte of the range is there. */
export function isPastEnd(error: unknown): boolean {
  return isNamed(error, ['InvalidRange']);
}

/** Of a call to the store, in the words of this room. */
export function asStorageError(error: unknown, key: string): Error {
  const cause = new S3AnswerError(error instanceof Error ? error : new Error(String(error)));
  const isFull = isNamed(error, FULL_CODES) || cause.status === FULL_STATUS;
  return isFull ? new StorageFullError(key, { cause }) : new StorageUnavailableError(key, { cause });
}

function isNamed(error: unknown, names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}
