import { buffer } from 'node:stream/consumers';

import { UploadMissingError } from '../errors';
import { blobKeyOfUpload } from '../keys';
import { LARGE_PART_BYTES } from './part-budget';
import type { Multipart } from './part-stream';
import type { Part } from './s3-multiparts';
import type { UploadRecords, UploadStores } from './upload-records';

/** Pieces that the store copies itself; the bytes of none pass through this process. */
const PIECE_BYTES = 8 * LARGE_PART_BYTES;
const PIECES_AT_ONCE = 8;

/** Begins the upload `toKey` with the first bytes of an object; what is too little for a part becomes its tail. */
export async function copyPrefix(
  { records, ...stores }: UploadStores & { records: UploadRecords },
  source: { key: string; lengthBytes: number },
  toKey: string,
): Promise<void> {
  const tailBytes = source.lengthBytes % LARGE_PART_BYTES;
  const inParts = { key: source.key, lengthBytes: source.lengthBytes - tailBytes };
  const tail = await readEnd(stores, source, tailBytes);
  const multipart = inParts.lengthBytes > 0 ? await copyParts(stores, inParts, toKey) : undefined;
  await records.save(toKey, multipart, tail);
}

async function readEnd(
  { objects }: UploadStores,
  { key, lengthBytes }: { key: string; lengthBytes: number },
  tailBytes: number,
): Promise<Buffer> {
  if (tailBytes === 0) return Buffer.alloc(0);
  const found = await objects.read(key, { start: lengthBytes - tailBytes, end: lengthBytes - 1 });
  if (!found) throw new UploadMissingError(key);
  return buffer(found.stream);
}

async function copyParts(
  { multiparts }: UploadStores,
  { key, lengthBytes }: { key: string; lengthBytes: number },
  toKey: string,
): Promise<Multipart> {
  const targetKey = blobKeyOfUpload(toKey);
  const target = { key: targetKey, id: await multiparts.begin(targetKey) };
  const parts: Part[] = [];
  const copyPiece = async (start: number) => {
    const sizeBytes = Math.min(PIECE_BYTES, lengthBytes - start);
    const number = start / PIECE_BYTES + 1;
    parts[number - 1] = await multiparts.copy(target, number, { key, sizeBytes, start });
  };
  try {
    for (let from = 0; from < lengthBytes; from += PIECES_AT_ONCE * PIECE_BYTES) {
      const starts = Array.from({ length: PIECES_AT_ONCE }, (_, at) => from + at * PIECE_BYTES);
      await Promise.all(starts.filter((start) => start < lengthBytes).map(copyPiece));
    }
  } catch (error) {
    await multiparts.abortIfPossible(target);
    throw error;
  }
  return { ...target, parts };
}
