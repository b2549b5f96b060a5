import type { IncomingMessage } from 'node:http';

import { RegistryError } from '../errors';

/** Where a chunk says that it lies; undefined when the body is simply appended. Refuses what contradicts itself. */
export function chunkStart({ headers }: IncomingMessage): number | undefined {
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
  const length = Number(last) - Number(first) + 1;
  const stated = headers['content-length'];
  if (length < 1 || (stated !== undefined && Number(stated) !== length)) {
    throw new RegistryError(
      'SIZE_INVALID',
      { 'content-range': header, 'content-length': stated ?? null },
      { message: `Content-Range "${header}" does not fit the length of the body` },
    );
  }
  return Number(first);
}
