import type { ListMultipartUploadsCommandOutput, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';

import { asStorageError } from './s3-errors';
import type { MultipartTarget } from './s3-multiparts';
import type { S3Place } from './s3-place';

export interface BegunMultipart extends MultipartTarget {
  /** Milliseconds since the epoch, by the clock of the store. */
  begunAtMs: number;
}

/** What there is in one place, a page in memory at a time. Each call throws only errors of storage. */
export class S3Listing {
  constructor(private readonly place: S3Place) {}

  /** Whether the place can be listed at all. */
  async require(): Promise<void> {
    await this.page('', { MaxKeys: 1 });
  }

  /** Of the objects below a folder. */
  async *keys(folder: string): AsyncGenerator<string> {
    let token: string | undefined;
    do {
      const page = await this.page(folder, { ContinuationToken: token });
      for (const { Key: key = '' } of page.Contents ?? []) {
        // Consoles make empty objects to show as folders.
        if (!key.endsWith('/')) yield this.ours(key);
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  /** Of the multipart uploads below a folder that were neither completed nor given up. */
  async *multiparts(folder: string): AsyncGenerator<BegunMultipart> {
    const { client, bucket, prefix } = this.place;
    let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {};
    while (marker) {
      const call: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
        Bucket: bucket,
        Prefix: prefix + folder,
        ...marker,
      });
      const page: ListMultipartUploadsCommandOutput = await this.call(folder, () => client.send(call));
      for (const { Key: key = '', UploadId: id = '', Initiated: begun } of page.Uploads ?? []) {
        yield { key: this.ours(key), id, begunAtMs: begun?.getTime() ?? 0 };
      }
      const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
      marker = IsTruncated ? { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker } : undefined;
    }
  }

  private page(
    folder: string,
    options: { MaxKeys?: number; ContinuationToken?: string | undefined },
  ): Promise<ListObjectsV2CommandOutput> {
    const { client, bucket, prefix } = this.place;
    const call = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix + folder, ...options });
    return this.call(folder, () => client.send(call));
  }

  private ours(key: string): string {
    return key.slice(this.place.prefix.length);
  }

  private async call<T>(folder: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw asStorageError(error, folder);
    }
  }
}
