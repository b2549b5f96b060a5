import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

import { appendInBatches } from '../append-in-batches';
import type { AppendOptions, UploadWriter } from '../driver';
import { UploadLimitError, UploadMissingError } from '../errors';
import { blobKeyOfUpload } from '../keys';
import type { Transfers } from '../transfers';
import type { PartBudget } from './part-budget';
import type { Multipart } from './part-stream';
import { PartStream, sizeOfParts } from './part-stream';
import type { UploadRecords, UploadStores } from './upload-records';

export interface S3UploadDeps extends UploadStores {
  records: UploadRecords;
  budget: PartBudget;
  transfers: Transfers;
}

/** How an upload stands when a writer opens it. */
export interface UploadStart {
  multipart: Multipart | undefined;
  /** How many of the recorded bytes count. */
  offset: number;
  /** Whether the record says so already. */
  isRecorded: boolean;
}

/**
 * Sends full parts as they come and leaves the tail to `close`, which also writes the record. When the store refuses a part,
 * the upload is again what it was when it was opened: the record has not been touched.
 */
export class S3Upload implements UploadWriter {
  sizeBytes: number;
  private stream: PartStream | undefined;
  private isAppending = false;
  private isClosed = false;
  private isRecorded: boolean;
  private isRecording = false;
  private failure: { error: unknown } | undefined;

  constructor(
    private readonly deps: S3UploadDeps,
    private readonly key: string,
    private readonly start: UploadStart,
  ) {
    this.sizeBytes = start.offset;
    this.isRecorded = start.isRecorded;
  }

  async append(source: Readable, options: AppendOptions = {}): Promise<number> {
    if (this.failure) throw this.failure.error;
    if (this.isAppending) throw new Error(`upload "${this.key}" is being appended to already`);
    this.isAppending = true;
    try {
      return await appendInBatches(source, {
        ...options,
        transfers: this.deps.transfers,
        sink: (batch) => this.orFail(() => this.write(batch)),
        limitError: (limitBytes) => new UploadLimitError(this.key, limitBytes),
      });
    } finally {
      this.isAppending = false;
    }
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    try {
      if (!this.failure && !this.isRecorded) await this.orFail(() => this.record());
    } finally {
      if (!this.failure) this.stream?.release();
      // A record that was refused may be there all the same, and names the parts.
      else if (!this.isRecording) await this.stream?.abandon();
    }
  }

  private async write(batch: Buffer[]): Promise<void> {
    this.isRecorded = false;
    const stream = await this.open();
    await stream.write(batch);
    this.sizeBytes = stream.sizeBytes;
  }

  private async record(): Promise<void> {
    const stream = await this.open();
    await stream.settle();
    this.isRecording = true;
    await this.deps.records.save(this.key, stream.multipart, stream.tail);
  }

  /** With the recorded tail: it comes first in the next part. */
  private async open(): Promise<PartStream> {
    if (this.stream) return this.stream;
    const { multipart, offset } = this.start;
    this.stream = new PartStream(this.deps, blobKeyOfUpload(this.key), multipart);
    const tailBytes = offset - sizeOfParts(multipart?.parts ?? []);
    if (tailBytes > 0) await this.stream.write([await this.readTail(tailBytes)]);
    return this.stream;
  }

  private async readTail(sizeBytes: number): Promise<Buffer> {
    const found = await this.deps.objects.read(this.key, { start: 0, end: sizeBytes - 1 });
    if (!found) throw new UploadMissingError(this.key);
    return buffer(found.stream);
  }

  private async orFail(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.failure ??= { error };
      this.sizeBytes = this.start.offset;
      throw error;
    }
  }
}
