import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

const OUTPUT_BYTES = 256 * 1024;

/** Bytes that `openCompression` needs to see. */
export const MAGIC_BYTES = 4;

/**
 * What turns a layer's bytes into its archive, told from the bytes themselves and not from the media type (scanning spec
 * 2.1); undefined when they are the archive. Throws for a compression that is not read.
 */
export function openCompression(head: Buffer): Transform | undefined {
  if (head.length >= 2 && head.readUInt16BE(0) === 0x1f8b) return createGunzip({ chunkSize: OUTPUT_BYTES });
  if (head.length >= 4 && head.readUInt32BE(0) === 0x28b52ffd) {
    return createZstdDecompress({ chunkSize: OUTPUT_BYTES });
  }
  if (head.subarray(0, 3).toString('latin1') === 'BZh') throw new Error('bzip2 is not supported');
  return undefined;
}
