import { Readable } from 'node:stream';

import type { FileSpan } from './send-blocks';

const FIRST_READ_BYTES = 256 * 1024;
const FAST_READER_MS = 250;

/**
 * Streams part of a file in large reads, which decide the speed of a pull (performance spec 4.1). The reads grow while
 * the reader keeps up, so that a slow one never holds more than two small blocks. Closes the file.
 */
export function createBlockStream({ file, start, end, transfers }: FileSpan): Readable {
  const endTransfer = transfers.begin();
  let position = start;
  let readBytes = FIRST_READ_BYTES;
  let lastReadAtMs = 0;

  function nextSize(): number {
    const nowMs = performance.now();
    const isFast = nowMs - lastReadAtMs < FAST_READER_MS;
    lastReadAtMs = nowMs;
    readBytes = isFast ? Math.min(readBytes * 2, transfers.blockBytes) : FIRST_READ_BYTES;
    return Math.min(readBytes, end - position);
  }

  async function readBlock(): Promise<Buffer | null> {
    const size = nextSize();
    if (size <= 0) return null;
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(size), 0, size, position);
    if (bytesRead === 0) throw new Error(`the file ended ${end - position} bytes early`);
    position += bytesRead;
    return buffer.subarray(0, bytesRead);
  }

  return new Readable({
    // One block at a time is buffered; Readable reads the next while this one is being sent.
    highWaterMark: 1,
    read() {
      readBlock().then(
        (block) => this.push(block),
        (error: Error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      endTransfer();
      file.close().then(
        () => callback(error),
        (closeError: Error) => callback(error ?? closeError),
      );
    },
  });
}
