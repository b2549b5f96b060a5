import { createHash, randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

import { appendInBatches } from '../append-in-batches';
import type { ByteRange, Storage, StoredBytes, StoredFile } from '../driver';
import { SMALL_BLOB_BYTES } from '../driver';
import { BlobMissingError, StorageUnavailableError, UploadLimitError, UploadMissingError } from '../errors';
import { blobKeyOfUpload, checkKey, digestOfKey, uploadKey } from '../keys';
import { Transfers } from '../transfers';
import { BlobLinks } from './blob-links';
import { copyPrefix } from './copy-prefix';
import { listFiles } from './list-files';
import { PartBudget } from './part-budget';
import { PartStream, sizeOfParts } from './part-stream';
import { S3Listing } from './s3-listing';
import { S3Multiparts } from './s3-multiparts';
import { S3Objects } from './s3-objects';
import type { S3Place } from './s3-place';
import type { S3UploadDeps } from './s3-upload';
import { S3Upload } from './s3-upload';
import type { UploadRecord } from './upload-records';
import { UploadRecords } from './upload-records';

/**
 * Blobs, uploads and objects in a bucket of an S3-compatible store, which may be shared by many processes (performance spec
 * 3.8): an upload is a multipart upload of the object that becomes the blob, so publishing moves no bytes.
 */
export class S3Storage implements Storage {
  private readonly deps: S3UploadDeps & { listing: S3Listing };
  private readonly links: BlobLinks;

  constructor(place: S3Place, transfers = new Transfers()) {
    const stores = { objects: new S3Objects(place), multiparts: new S3Multiparts(place) };
    this.deps = {
      ...stores,
      listing: new S3Listing(place),
      transfers,
      records: new UploadRecords(stores),
      budget: new PartBudget(transfers),
    };
    this.links = new BlobLinks(stores.objects);
  }

  /** Finds out now, not at the first push, whether the bucket is there and all that we do with it is allowed. */
  async prepare(): Promise<void> {
    const probe = uploadKey(randomUUID(), 0);
    await this.deps.records.save(probe, undefined, Buffer.alloc(0));
    await this.deps.records.remove(probe);
    // Who may not list the bucket is told that what is missing is forbidden.
    await this.uploadSize(probe);
  }

  /** Throws when the bucket is missing or must not be listed; unlike {@link prepare} it changes nothing. */
  async requirePlace(): Promise<void> {
    await this.deps.listing.require();
  }

  async openUpload(key: string, { offset }: { offset: number }): Promise<S3Upload> {
    checkKey('upload', key);
    const { records } = this.deps;
    if (offset === 0) {
      if (await records.look(key)) await records.remove(key);
      return new S3Upload(this.deps, key, { multipart: undefined, offset, isRecorded: false });
    }
    const record = await this.recordOf(key, offset);
    const { sizeBytes } = record;
    if (record.state === 'small') {
      return new S3Upload(this.deps, key, { multipart: undefined, offset, isRecorded: sizeBytes === offset });
    }
    if (record.state === 'growing' && sizeOfParts(record.multipart.parts) <= offset) {
      const { multipart } = record;
      return new S3Upload(this.deps, key, { multipart, offset, isRecorded: sizeBytes === offset });
    }
    // Joined to be read, or cut within its parts: they cannot be written any more, but copied.
    await this.copy(key, record, { toKey: key, lengthBytes: offset });
    return this.openUpload(key, { offset });
  }

  async uploadSize(key: string): Promise<number | undefined> {
    return (await this.deps.records.look(checkKey('upload', key)))?.sizeBytes;
  }

  async readUpload(key: string, range: ByteRange = {}): Promise<StoredBytes> {
    checkKey('upload', key);
    const joinedKey = await this.deps.records.join(key, await this.recordOf(key, 0));
    const stored = await this.read(joinedKey, range);
    if (!stored) throw new UploadMissingError(key);
    return stored;
  }

  async copyUpload(fromKey: string, toKey: string, lengthBytes: number): Promise<void> {
    checkKey('upload', fromKey);
    checkKey('upload', toKey);
    const record = await this.recordOf(fromKey, lengthBytes);
    await this.copy(fromKey, record, { toKey, lengthBytes });
  }

  /** Answers another key than `blobKey`: stores cannot rename. */
  async publish(key: string, blobKey: string): Promise<string> {
    checkKey('blob', blobKey);
    const publishedKey = blobKeyOfUpload(key);
    const { objects, records } = this.deps;
    const record = await records.find(key);
    if (!record) {
      // Done already by a call whose caller died before it could record the key.
      if (await objects.find(publishedKey)) return publishedKey;
      throw new UploadMissingError(key);
    }
    if (record.state === 'small') await objects.copy(key, publishedKey);
    else await records.join(key, record);
    await objects.remove(key);
    return publishedKey;
  }

  /** The key does not tell the digest, so the bytes are read: it is only for what a crash has left. */
  async findPublished(key: string, blobKey: string): Promise<string | undefined> {
    const { algorithm, hex } = digestOfKey(blobKey);
    const publishedKey = blobKeyOfUpload(key);
    if ((await this.uploadSize(key)) !== undefined) return undefined;
    const found = await this.read(publishedKey, {});
    if (!found) return undefined;
    const hash = createHash(algorithm);
    await pipeline(found.stream, hash);
    return hash.digest('hex') === hex ? publishedKey : undefined;
  }

  async discardUpload(key: string): Promise<void> {
    await this.deps.records.remove(checkKey('upload', key));
  }

  readBlob(key: string, range: ByteRange = {}): Promise<StoredBytes> {
    return this.readPresent(checkKey('blob', key), range);
  }

  async readSmall(key: string): Promise<Buffer> {
    const { stream, sizeBytes } = await this.readPresent(checkKey('blob', key), {});
    if (sizeBytes > SMALL_BLOB_BYTES) {
      stream.destroy();
      throw new RangeError(`blob "${key}" has ${sizeBytes} bytes, too many for one read`);
    }
    return buffer(stream);
  }

  async blobSize(key: string): Promise<number | undefined> {
    return (await this.deps.objects.find(checkKey('blob', key)))?.sizeBytes;
  }

  blobLink(key: string): Promise<string> {
    return this.links.of(checkKey('blob', key));
  }

  blobFile(key: string): Promise<undefined> {
    checkKey('blob', key);
    return Promise.resolve(undefined);
  }

  async deleteBlob(key: string): Promise<void> {
    await this.deps.objects.remove(checkKey('blob', key));
  }

  async putObject(key: string, body: Readable | Buffer): Promise<number> {
    checkKey('object', key);
    const source = body instanceof Readable ? body : Readable.from([body]);
    const stream = new PartStream(this.deps, key);
    try {
      const sizeBytes = await appendInBatches(source, {
        transfers: this.deps.transfers,
        sink: (batch) => stream.write(batch),
        limitError: (limitBytes) => new UploadLimitError(key, limitBytes),
      });
      await this.finishObject(key, stream);
      stream.release();
      return sizeBytes;
    } catch (error) {
      await stream.abandon();
      throw error;
    }
  }

  getObject(key: string): Promise<StoredBytes> {
    return this.readPresent(checkKey('object', key), {});
  }

  async deleteObject(key: string): Promise<void> {
    await this.deps.objects.remove(checkKey('object', key));
  }

  listFiles(): AsyncGenerator<StoredFile> {
    return listFiles(this.deps);
  }

  private async finishObject(key: string, stream: PartStream): Promise<void> {
    const { multiparts, objects } = this.deps;
    const multipart = await stream.finish();
    if (!multipart) return objects.write(key, stream.tail);
    if (await multiparts.complete(multipart, multipart.parts)) return;
    // An attempt whose answer was lost may have completed it.
    const found = await objects.find(key);
    if (found?.sizeBytes !== stream.sizeBytes) throw new StorageUnavailableError(key);
  }

  private async recordOf(key: string, lengthBytes: number): Promise<UploadRecord> {
    const record = await this.deps.records.find(key);
    if (!record) throw new UploadMissingError(key);
    if (record.sizeBytes < lengthBytes) {
      throw new UploadMissingError(key, `has ${record.sizeBytes} bytes, not ${lengthBytes}`);
    }
    return record;
  }

  private async copy(
    fromKey: string,
    record: UploadRecord,
    { toKey, lengthBytes }: { toKey: string; lengthBytes: number },
  ): Promise<void> {
    const key = await this.deps.records.join(fromKey, record);
    await copyPrefix(this.deps, { key, lengthBytes }, toKey);
  }

  private async readPresent(key: string, range: ByteRange): Promise<StoredBytes> {
    const stored = await this.read(key, range);
    if (!stored) throw new BlobMissingError(key);
    return stored;
  }

  private async read(key: string, range: ByteRange): Promise<StoredBytes | undefined> {
    const found = await this.deps.objects.read(key, range);
    if (!found) return undefined;
    const { stream, sizeBytes } = found;
    stream.once('close', this.deps.transfers.begin());
    const sendTo = async (target: Writable): Promise<void> => {
      // A pipeline would wait for its end.
      if (stream.destroyed) throw new Error(`"${key}" is not read any more`);
      try {
        await pipeline(stream, target);
      } finally {
        stream.destroy();
      }
    };
    return { stream, sizeBytes, sendTo };
  }
}
