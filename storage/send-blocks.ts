import type { FileHandle } from 'node:fs/promises';
import type { Writable } from 'node:stream';

import type { Transfers } from './transfers';

export interface FileSpan {
  file: FileHandle;
  /** Position of the first byte. */
  start: number;
  /** Position after the last byte. */
  end: number;
  transfers: Transfers;
}

/** A reader that takes longer than this for a block is slow, and held to small ones. */
const FAST_READER_MS = 250;
const SLOW_READER_BLOCK_BYTES = 256 * 1024;

/**
 * Sends part of a file and ends the target. Two blocks take turns, one being read while the other is sent, and each is used again
 * once its write is done: memory stays flat whatever the size. Rejects when the target closes early.
 */
export async function sendBlocks(span: FileSpan, target: Writable): Promise<void> {
  const { transfers } = span;
  const closing = watchClose(target);
  const sent: Promise<void>[] = [];
  let position = span.start;
  let isSlow = false;
  try {
    while (position < span.end) {
      const block = transfers.takeBlock(
        Math.min(transfers.blockBytes, isSlow ? SLOW_READER_BLOCK_BYTES : Infinity),
      );
      const size = Math.min(block.length, span.end - position);
      const { bytesRead } = await span.file.read(block, 0, size, position);
      if (bytesRead === 0) throw new Error(`the file ended ${span.end - position} bytes early`);
      position += bytesRead;
      const writing = write(target, block.subarray(0, bytesRead)).then(() => transfers.giveBack(block));
      const settled = Promise.race([writing, closing.closed]);
      // Its rejection is met one turn later, below; until then nobody else may call it unhandled.
      settled.catch(() => undefined);
      sent.push(settled);
      const waitedFromMs = performance.now();
      if (sent.length > 1) await sent.shift();
      isSlow = performance.now() - waitedFromMs > FAST_READER_MS;
    }
    await Promise.all(sent);
    target.end();
  } finally {
    closing.stop();
  }
}

function write(target: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    target.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** Not every kind of writable calls back for a write that its closing has dropped. */
function watchClose(target: Writable): { closed: Promise<never>; stop: () => void } {
  let onClose: () => void = () => undefined;
  let onError: (error: Error) => void = () => undefined;
  const closed = new Promise<never>((_resolve, reject) => {
    onClose = () => reject(new Error('the reader went away'));
    onError = reject;
    if (target.destroyed) onClose();
    target.once('close', onClose).once('error', onError);
  });
  closed.catch(() => undefined);
  return { closed, stop: () => void target.off('close', onClose).off('error', onError) };
}
