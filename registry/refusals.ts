import type { ActErrorReason } from '../commands/act-error';
import { ActError } from '../commands/act-error';
import { isDatabaseOutage } from '../db/outage';
import {
  StorageFullError,
  StorageUnavailableError,
  StorageUnwritableError,
  UploadLimitError,
  UploadMissingError,
} from '../storage/errors';
import type { ErrorCode } from './errors';
import { RegistryError } from './errors';

/** How a refused act reads in the protocol: by its reason and the field at fault, else by its reason alone. */
const CODES: Record<
  ActErrorReason,
  { code: ErrorCode; status?: number; fields?: Record<string, ErrorCode> }
> = {
  invalid: {
    code: 'INVALID_REQUEST',
    fields: { blob: 'MANIFEST_BLOB_UNKNOWN', manifest: 'MANIFEST_INVALID', tag: 'TAG_INVALID' },
  },
  unauthorized: { code: 'UNAUTHORIZED' },
  forbidden: { code: 'UNAUTHORIZED', fields: { build: 'DENIED' } },
  'not-found': {
    code: 'NAME_UNKNOWN',
    fields: {
      blob: 'BLOB_UNKNOWN',
      manifest: 'MANIFEST_UNKNOWN',
      tag: 'MANIFEST_UNKNOWN',
      upload: 'BLOB_UPLOAD_UNKNOWN',
    },
  },
  conflict: { code: 'UNSUPPORTED', fields: { tag: 'TAG_IMMUTABLE' } },
  limit: { code: 'TOOMANYREQUESTS' },
  'wrong-state': { code: 'DENIED', status: 405 },
};

/** Errors of the rooms below in the words of the protocol; undefined for a fault of ours. */
export function asRegistryError(error: unknown): RegistryError | undefined {
  if (error instanceof RegistryError) return error;
  if (error instanceof ActError) return fromAct(error);
  if (error instanceof UploadMissingError) {
    return new RegistryError('BLOB_UPLOAD_UNKNOWN', {}, { cause: error });
  }
  if (error instanceof UploadLimitError) {
    return new RegistryError(
      'BLOB_UPLOAD_INVALID',
      { limit: error.limitBytes },
      { status: 413, message: `blob is larger than the ${error.limitBytes} bytes that are allowed` },
    );
  }
  if (error instanceof StorageFullError) {
    return new RegistryError(
      'BLOB_UPLOAD_INVALID',
      {},
      {
        status: 507,
        message: 'the storage of this registry is full',
        headers: { 'Retry-After': '60' },
        cause: error,
      },
    );
  }
  if (error instanceof StorageUnwritableError) {
    return unavailable('the storage of this registry cannot be written to', 60, error);
  }
  if (error instanceof StorageUnavailableError) {
    return unavailable('the storage of this registry does not answer; try again in a moment', 5, error);
  }
  if (isDatabaseOutage(error)) {
    return unavailable('the database of this registry does not answer; try again in a moment', 5, error);
  }
  return undefined;
}

function unavailable(message: string, retryAfterS: number, cause: unknown): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    {},
    { message, cause, headers: { 'Retry-After': String(retryAfterS) } },
  );
}

function fromAct(error: ActError): RegistryError {
  const { code, status, fields } = CODES[error.reason];
  const named = error.field === undefined ? undefined : fields?.[error.field];
  return new RegistryError(
    named ?? code,
    { message: error.message },
    { message: error.message, status: named ? undefined : status, cause: error },
  );
}
