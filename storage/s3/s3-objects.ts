import { Readable } from 'node:stream';

import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

import type { ByteRange, FileState } from '../driver';
import { asStorageError, isMissing, isPastEnd } from './s3-errors';
import type { S3Place } from './s3-place';

export interface FoundObject extends FileState {
  metadata: Record<string, string>;
}

/** For the calls that carry or copy up to a part's worth of bytes. */
export const TRANSFER_TIMEOUT_MS = 60_000;

/** Whole objects of one place. Each call throws only errors of storage. */
export class S3Objects {
  constructor(private readonly place: S3Place) {}

  async find(key: string): Promise<FoundObject | undefined> {
    try {
      const found = await this.place.client.send(new HeadObjectCommand(this.at(key)));
      const changedAtMs = found.LastModified?.getTime() ?? 0;
      return { sizeBytes: found.ContentLength ?? 0, changedAtMs, metadata: found.Metadata ?? {} };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw asStorageError(error, key);
    }
  }

  async look(key: string): Promise<FileState | undefined> {
    const found = await this.find(key);
    return found && { sizeBytes: found.sizeBytes, changedAtMs: found.changedAtMs };
  }

  /** The bytes of the range, and how many the whole object has. */
  async read(
    key: string,
    { start = 0, end }: ByteRange = {},
  ): Promise<{ stream: Readable; sizeBytes: number } | undefined> {
    const range = start === 0 && end === undefined ? {} : { Range: `bytes=${start}-${end ?? ''}` };
    try {
      const found = await this.place.client.send(new GetObjectCommand({ ...this.at(key), ...range }));
      return { stream: bodyOf(found), sizeBytes: wholeSizeOf(found) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      if (!isPastEnd(error)) throw asStorageError(error, key);
      const found = await this.find(key);
      return found && { stream: Readable.from([]), sizeBytes: found.sizeBytes };
    }
  }

  /** Replaces at once what was there. */
  async write(key: string, body: Buffer, metadata: Record<string, string> = {}): Promise<void> {
    const call = new PutObjectCommand({
      ...this.at(key),
      Body: body,
      ContentLength: body.length,
      Metadata: metadata,
    });
    await this.send(key, () => this.place.client.send(call, { requestTimeout: TRANSFER_TIMEOUT_MS }));
  }

  async copy(fromKey: string, toKey: string): Promise<void> {
    const call = new CopyObjectCommand({
      ...this.at(toKey),
      CopySource: copySource(this.place, fromKey),
      MetadataDirective: 'REPLACE',
    });
    await this.send(toKey, () => this.place.client.send(call, { requestTimeout: TRANSFER_TIMEOUT_MS }));
  }

  /** Nothing to delete is no error. */
  async remove(key: string): Promise<void> {
    await this.send(key, () => this.place.client.send(new DeleteObjectCommand(this.at(key))));
  }

  /** Signed here, without a call to the store. */
  link(key: string, lifetimeS: number): Promise<string> {
    return getSignedUrl(this.place.client, new GetObjectCommand(this.at(key)), { expiresIn: lifetimeS });
  }

  private at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.place.bucket, Key: this.place.prefix + key };
  }

  private async send(key: string, call: () => Promise<unknown>): Promise<void> {
    try {
      await call();
    } catch (error) {
      throw asStorageError(error, key);
    }
  }
}

/** Where a copy comes from, as the header wants it. */
export function copySource({ bucket, prefix }: S3Place, key: string): string {
  return [bucket, ...`${prefix}${key}`.split('/')].map(encodeURIComponent).join('/');
}

function bodyOf({ Body: body }: GetObjectCommandOutput): Readable {
  if (!(body instanceof Readable)) throw new Error('the store sent no body');
  // Its connection may break before anybody reads it; whoever reads then finds that out.
  body.on('error', () => undefined);
  return body;
}

function wholeSizeOf({ ContentLength: length = 0, ContentRange: range }: GetObjectCommandOutput): number {
  const total = /\/(\d+)$/.exec(range ?? '')?.[1];
  return total === undefined ? length : Number(total);
}
