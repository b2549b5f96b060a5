import type { Hash } from 'node:crypto';
import { createHash, randomBytes } from 'node:crypto';

export const MIB = 1024 ** 2;
const TAIL_BYTES = 64;

export interface BlobContent {
  digest: string;
  sizeBytes: number;
  /** The body in order; all but the last part is shared by all blobs. */
  parts: readonly Buffer[];
}

let block: Buffer | undefined;

/** Blobs of one size that differ in their last bytes only, so that a digest costs the hash of those. */
export class BlobMaker {
  private readonly common: Buffer[] = [];
  private readonly hash: Hash = createHash('sha256');

  constructor(private readonly sizeBytes: number) {
    block ??= randomBytes(MIB);
    for (let left = sizeBytes - TAIL_BYTES; left > 0; left -= MIB) {
      const part = block.subarray(0, Math.min(MIB, left));
      this.common.push(part);
      this.hash.update(part);
    }
  }

  make(): BlobContent {
    const tail = randomBytes(TAIL_BYTES);
    const digest = `sha256:${this.hash.copy().update(tail).digest('hex')}`;
    return { digest, sizeBytes: this.sizeBytes, parts: [...this.common, tail] };
  }
}
