import type { ListPartsCommandOutput } from '@aws-sdk/client-s3';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';

import { asStorageError, isUploadGone } from './s3-errors';
import { copySource, TRANSFER_TIMEOUT_MS } from './s3-objects';
import type { S3Place } from './s3-place';

/** A multipart upload, by the key of the object that it is to become. */
export interface MultipartTarget {
  key: string;
  id: string;
}

export interface Part {
  number: number;
  sizeBytes: number;
  /** As the store wrote it. */
  etag: string;
}

/** Some stores put the parts together by copying them. */
const COMPLETE_TIMEOUT_MS = 300_000;

/** Multipart uploads of one place. Each call throws only errors of storage. */
export class S3Multiparts {
  constructor(private readonly place: S3Place) {}

  begin(key: string): Promise<string> {
    return this.call(key, async ({ client }) => {
      const { UploadId: id } = await client.send(new CreateMultipartUploadCommand(this.at(key)));
      if (id === undefined) throw new Error('the store gave a multipart upload no id');
      return id;
    });
  }

  /** The same number again replaces the part. */
  send(target: MultipartTarget, number: number, body: Buffer): Promise<Part> {
    return this.call(target.key, async ({ client }) => {
      const call = new UploadPartCommand({
        ...this.of(target),
        PartNumber: number,
        Body: body,
        ContentLength: body.length,
      });
      const { ETag: etag } = await client.send(call, { requestTimeout: TRANSFER_TIMEOUT_MS });
      return { number, sizeBytes: body.length, etag: etag ?? '' };
    });
  }

  /** Within the store; without a range the whole object, which may be smaller than a part must be when it is the last. */
  copy(
    target: MultipartTarget,
    number: number,
    { key, sizeBytes, start }: { key: string; sizeBytes: number; start?: number },
  ): Promise<Part> {
    return this.call(target.key, async ({ client }) => {
      const call = new UploadPartCopyCommand({
        ...this.of(target),
        PartNumber: number,
        CopySource: copySource(this.place, key),
        ...(start !== undefined && { CopySourceRange: `bytes=${start}-${start + sizeBytes - 1}` }),
      });
      const { CopyPartResult: copied } = await client.send(call, { requestTimeout: COMPLETE_TIMEOUT_MS });
      return { number, sizeBytes, etag: copied?.ETag ?? '' };
    });
  }

  /** In order; undefined when the upload was completed or given up. */
  async list(target: MultipartTarget): Promise<Part[] | undefined> {
    const parts: Part[] = [];
    let marker: string | undefined;
    try {
      do {
        const page: ListPartsCommandOutput = await this.place.client.send(
          new ListPartsCommand({ ...this.of(target), PartNumberMarker: marker }),
        );
        for (const { PartNumber: number = 0, Size: sizeBytes = 0, ETag: etag = '' } of page.Parts ?? []) {
          parts.push({ number, sizeBytes, etag });
        }
        marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
      } while (marker !== undefined);
      return parts;
    } catch (error) {
      if (isUploadGone(error)) return undefined;
      throw asStorageError(error, target.key);
    }
  }

  /** Makes the object, at once; false when the upload was completed or given up before. */
  async complete(target: MultipartTarget, parts: readonly Part[]): Promise<boolean> {
    const call = new CompleteMultipartUploadCommand({
      ...this.of(target),
      MultipartUpload: { Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })) },
    });
    try {
      await this.place.client.send(call, { requestTimeout: COMPLETE_TIMEOUT_MS });
      return true;
    } catch (error) {
      if (isUploadGone(error)) return false;
      throw asStorageError(error, target.key);
    }
  }

  async abort(target: MultipartTarget): Promise<void> {
    try {
      await this.place.client.send(new AbortMultipartUploadCommand(this.of(target)));
    } catch (error) {
      if (!isUploadGone(error)) throw asStorageError(error, target.key);
    }
  }

  /** After a failure, whose reason matters more than that of this one; what is left goes when its upload is discarded. */
  async abortIfPossible(target: MultipartTarget): Promise<void> {
    try {
      await this.abort(target);
    } catch {
      // The store takes nothing at the moment, and that is being reported already.
    }
  }

  /** Of every multipart upload for the key, also those that nobody has recorded. */
  async abortAll(key: string): Promise<void> {
    const { Bucket, Key } = this.at(key);
    const { Uploads: uploads = [] } = await this.call(key, ({ client }) =>
      client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key })),
    );
    for (const { Key: found, UploadId: id } of uploads) {
      // The prefix of one key may begin another.
      if (found === Key && id !== undefined) await this.abort({ key, id });
    }
  }

  private at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.place.bucket, Key: this.place.prefix + key };
  }

  private of({ key, id }: MultipartTarget): { Bucket: string; Key: string; UploadId: string } {
    return { ...this.at(key), UploadId: id };
  }

  private async call<T>(key: string, work: (place: S3Place) => Promise<T>): Promise<T> {
    try {
      return await work(this.place);
    } catch (error) {
      throw asStorageError(error, key);
    }
  }
}
