import { createHash } from 'node:crypto';

import type { FileState } from '../driver';
import { UploadMissingError } from '../errors';
import { blobKeyOfUpload } from '../keys';
import type { Multipart } from './part-stream';
import { sizeOfParts } from './part-stream';
import type { Part, S3Multiparts } from './s3-multiparts';
import type { FoundObject, S3Objects } from './s3-objects';

export interface UploadStores {
  objects: S3Objects;
  multiparts: S3Multiparts;
}

/**
 * Where the bytes of an upload are: all in the record's own object, as they are too few for a part; in parts, with the rest
 * behind them in the record's own object; or in the object that is to become the blob, joined but not published.
 */
export type UploadRecord =
  | { state: 'small'; sizeBytes: number }
  | { state: 'growing'; sizeBytes: number; multipart: Multipart }
  | { state: 'joined'; sizeBytes: number };

/** The record of an upload: an object under its key that holds the tail, and in its metadata what else there is. */
const MULTIPART_ID = 'multipart-id';
const PART_COUNT = 'part-count';
const PART_BYTES = 'part-bytes';
const PARTS_DIGEST = 'parts-digest';

/**
 * What any process needs to go on with an upload (performance spec 3.8): the full parts in a multipart upload of the
 * blob-to-be, the tail in an object beside it. It is written when a writer closes; an upload without it is none.
 */
export class UploadRecords {
  constructor(private readonly stores: UploadStores) {}

  async find(key: string): Promise<UploadRecord | undefined> {
    const found = await this.stores.objects.find(key);
    if (!found) return undefined;
    const id = found.metadata[MULTIPART_ID];
    const sizeBytes = sizeOf(found);
    if (id === undefined) return { state: 'small', sizeBytes };
    const target = { key: blobKeyOfUpload(key), id };
    const listed = await this.stores.multiparts.list(target);
    if (!listed) return this.joined(key, sizeBytes);
    const parts = listed.slice(0, Number(found.metadata[PART_COUNT]));
    // Parts behind the recorded ones come from a writer that died, and are replaced; the recorded ones never change.
    if (digestOf(parts) !== found.metadata[PARTS_DIGEST]) {
      throw new UploadMissingError(key, 'has not the parts that were recorded');
    }
    return { state: 'growing', sizeBytes, multipart: { ...target, parts } };
  }

  /** With all bytes of the upload, wherever they are. */
  async look(key: string): Promise<FileState | undefined> {
    const found = await this.stores.objects.find(key);
    return found && { sizeBytes: sizeOf(found), changedAtMs: found.changedAtMs };
  }

  async save(key: string, multipart: Multipart | undefined, tail: Buffer): Promise<void> {
    const metadata: Record<string, string> = multipart
      ? {
          [MULTIPART_ID]: multipart.id,
          [PART_COUNT]: String(multipart.parts.length),
          [PART_BYTES]: String(sizeOfParts(multipart.parts)),
          [PARTS_DIGEST]: digestOf(multipart.parts),
        }
      : {};
    await this.stores.objects.write(key, tail, metadata);
  }

  /** Brings the bytes into one object, where they can be read, and answers its key. */
  async join(key: string, record: UploadRecord): Promise<string> {
    const { multiparts } = this.stores;
    if (record.state === 'small') return key;
    if (record.state === 'joined') return blobKeyOfUpload(key);
    const { multipart } = record;
    const parts = [...multipart.parts];
    const tailBytes = record.sizeBytes - sizeOfParts(parts);
    if (tailBytes > 0) {
      parts.push(await multiparts.copy(multipart, parts.length + 1, { key, sizeBytes: tailBytes }));
    }
    // An attempt whose answer was lost may have completed it.
    if (!(await multiparts.complete(multipart, parts))) await this.joined(key, record.sizeBytes);
    return multipart.key;
  }

  /** The bytes with it, wherever they are; an upload that was published has no record, and its blob stays. */
  async remove(key: string): Promise<void> {
    const { objects, multiparts } = this.stores;
    const found = await objects.find(key);
    await multiparts.abortAll(blobKeyOfUpload(key));
    if (!found) return;
    await objects.remove(blobKeyOfUpload(key));
    await objects.remove(key);
  }

  private async joined(key: string, sizeBytes: number): Promise<UploadRecord> {
    const found = await this.stores.objects.find(blobKeyOfUpload(key));
    if (found?.sizeBytes !== sizeBytes) throw new UploadMissingError(key, 'has lost its parts');
    return { state: 'joined', sizeBytes };
  }
}

function sizeOf({ sizeBytes, metadata }: FoundObject): number {
  return sizeBytes + Number(metadata[PART_BYTES] ?? 0);
}

function digestOf(parts: readonly Part[]): string {
  const hash = createHash('sha256');
  for (const { number, sizeBytes, etag } of parts) {
    hash.update(`${number}:${sizeBytes}:${etag.replaceAll('"', '')}\n`);
  }
  return hash.digest('hex');
}
