import { hash } from 'node:crypto';

const DIGEST_BYTES = 6;

/** A 48-bit digest of a path: a set of a million paths takes 6 MB, and a lookup errs once in 280 million. */
export function pathDigest(path: string): number {
  return hash('sha256', path, 'buffer').readUIntBE(0, DIGEST_BYTES);
}

export function packPathDigests(digests: Iterable<number>): string {
  const sorted = Float64Array.from(digests).sort();
  const packed = Buffer.alloc(sorted.length * DIGEST_BYTES);
  sorted.forEach((digest, index) => packed.writeUIntBE(digest, index * DIGEST_BYTES, DIGEST_BYTES));
  return packed.toString('base64');
}

/** Reads what `packPathDigests` wrote, without unpacking it. */
export class PackedPathSet {
  private readonly packed: Buffer;

  constructor(base64: string) {
    this.packed = Buffer.from(base64, 'base64');
  }

  has(digest: number): boolean {
    let low = 0;
    let high = this.packed.length / DIGEST_BYTES - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.packed.readUIntBE(middle * DIGEST_BYTES, DIGEST_BYTES);
      if (found === digest) return true;
      if (found < digest) low = middle + 1;
      else high = middle - 1;
    }
    return false;
  }
}
