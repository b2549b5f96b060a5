import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';

import { appendInBatches } from './append-in-batches';
import type { AppendOptions, UploadWriter } from './driver';
import { UploadLimitError } from './errors';
import { isFull, toStorageError } from './filesystem-errors';
import type { Transfers } from './transfers';

/** Positioned writes behind one descriptor, so that a resumed upload never depends on a file's append mode. */
export class FilesystemUpload implements UploadWriter {
  private isAppending = false;

  constructor(
    private readonly key: string,
    private readonly file: FileHandle,
    private readonly transfers: Transfers,
    public sizeBytes: number,
  ) {}

  async append(source: Readable, options: AppendOptions = {}): Promise<number> {
    if (this.isAppending) throw new Error(`upload "${this.key}" is being appended to already`);
    this.isAppending = true;
    const startBytes = this.sizeBytes;
    try {
      return await appendInBatches(source, {
        ...options,
        transfers: this.transfers,
        sink: (batch) => this.store(batch, options),
        limitError: (limitBytes) => new UploadLimitError(this.key, limitBytes),
      });
    } catch (error) {
      if (isFull(error)) await this.cutBack(startBytes);
      throw toStorageError(error, this.key);
    } finally {
      this.isAppending = false;
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private async store(batch: Buffer[], { isDisposable = false }: AppendOptions): Promise<void> {
    await this.write(batch);
    if (isDisposable) for (const chunk of batch) dispose(chunk);
  }

  private async write(batch: Buffer[]): Promise<void> {
    let rest = batch;
    while (rest.length > 0) {
      const { bytesWritten } = await this.file.writev(rest, this.sizeBytes);
      this.sizeBytes += bytesWritten;
      rest = skipBytes(rest, bytesWritten);
    }
  }

  private async cutBack(sizeBytes: number): Promise<void> {
    await this.file.truncate(sizeBytes);
    this.sizeBytes = sizeBytes;
  }
}

/** A disk that is nearly full takes part of a batch and refuses the rest only at the next call. */
function skipBytes(batch: Buffer[], count: number): Buffer[] {
  let left = count;
  let first = 0;
  for (const chunk of batch) {
    if (chunk.length > left) break;
    left -= chunk.length;
    first += 1;
  }
  const rest = batch.slice(first);
  return rest[0] && left > 0 ? [rest[0].subarray(left), ...rest.slice(1)] : rest;
}

/**
 * The memory is free at once, and the next chunk gets it while the processor still has it at hand. Left to the collector, chunks
 * of 64 KiB are tens of megabytes of dead memory before it looks at them, and it looks at everything else that lives too.
 */
function dispose({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
