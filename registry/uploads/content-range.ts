import type { IncomingMessage } from 'node:http';

import { RegistryError } from '../errors';

export interface StatedRange {
  /** As it came. */
  header: string;
  start: number;
  lengthBytes: number;
}

/** Where a chunk says that it lies; undefined when the body is simply appended. Refuses what contradicts itself. */
export function statedRange({ headers }: IncomingMessage): StatedRange | undefined {
  const header = headers['content-range'];
  if (header === undefined) return undefined;
  const [, first, last] = /^(\d{1,15})-(\d{1,15})$/.exec(header.trim()) ?? [];
  if (first === undefined || last === undefined) {
    throw new RegistryError(
      'INVALID_REQUEST',
      { 'content-range': header },
      { message: 'Content-Range is not <first>-<last>' },
    );
  }
  const lengthBytes = Number(last) - Number(first) + 1;
  const stated = headers['content-length'];
  if (lengthBytes < 1 || (stated !== undefined && Number(stated) !== lengthBytes)) {
    throw wrongLength({ header }, stated);
  }
  return { header, start: Number(first), lengthBytes };
}

/** The body is not as long as its range: known at once where it has a stated length, else at its end. */
export function wrongLength(
  { header }: Pick<StatedRange, 'header'>,
  actual: string | number | undefined,
): RegistryError {
  return new RegistryError(
    'SIZE_INVALID',
    { 'content-range': header, 'content-length': actual ?? null },
    { message: `Content-Range "${header}" does not fit the length of the body` },
  );
}

/** A blob that comes whole begins at its beginning; looked at before anything is made for it. */
export function requireFromStart(req: IncomingMessage): void {
  const range = statedRange(req);
  if (!range || range.start === 0) return;
  throw new RegistryError(
    'BLOB_UPLOAD_INVALID',
    { 'content-range': range.header },
    { status: 416, message: 'a whole blob begins at 0' },
  );
}
