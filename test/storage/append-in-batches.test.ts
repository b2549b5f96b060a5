import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';

import type { BatchSink } from '../../storage/append-in-batches';
import { appendInBatches } from '../../storage/append-in-batches';
import { Transfers } from '../../storage/transfers';
import { eventually } from '../support/eventually';

const KIB = 1024;
const MIB = 1024 ** 2;
const CHUNK = Buffer.alloc(64 * KIB);

function append(source: Readable, sink: BatchSink, transfers = new Transfers()): Promise<number> {
  return appendInBatches(source, { transfers, sink, limitError: () => new Error('over the limit') });
}

function fastSource(totalBytes: number, onRead: () => void): Readable {
  let leftBytes = totalBytes;
  return new Readable({
    read() {
      onRead();
      this.push(leftBytes > 0 ? CHUNK : null);
      leftBytes -= CHUNK.length;
    },
  });
}

function slowDisk(): BatchSink {
  return () => new Promise((resolve) => setTimeout(resolve, 0));
}

describe('appendInBatches', () => {
  it('holds a fast source to the window while 512 MiB go to a slow disk', async () => {
    const transfers = new Transfers();
    let peakBytes = 0;
    const sample = (): void => void (peakBytes = Math.max(peakBytes, transfers.bufferedBytes));
    const source = fastSource(512 * MIB, sample);
    assert.equal(await append(source, slowDisk(), transfers), 512 * MIB);
    assert.ok(peakBytes > MIB, `${peakBytes} bytes show that the window was used`);
    assert.ok(peakBytes <= 4 * MIB + CHUNK.length, `${peakBytes} bytes were held`);
    assert.deepEqual([transfers.bufferedBytes, transfers.active], [0, 0]);
  });

  it('shares the window between transfers, with a smallest share', async () => {
    for (const [others, windowBytes] of [
      [7, 512 * KIB],
      [63, 256 * KIB],
    ] as const) {
      const transfers = new Transfers();
      for (let count = 0; count < others; count += 1) transfers.begin();
      let peakBytes = 0;
      const source = fastSource(16 * MIB, () => (peakBytes = Math.max(peakBytes, transfers.bufferedBytes)));
      await append(source, slowDisk(), transfers);
      assert.ok(peakBytes <= windowBytes + CHUNK.length, `${peakBytes} bytes with ${others} others`);
    }
  });

  it('resumes a stream that was paused under a wide window after the window has shrunk below half of it', async () => {
    const transfers = new Transfers();
    const source = new PassThrough({ highWaterMark: 16 * MIB });
    const waiting: (() => void)[] = [];
    const appending = append(source, () => new Promise((resolve) => waiting.push(resolve)), transfers);
    for (let count = 0; count < 100; count += 1) source.write(CHUNK);
    await eventually(() => assert.ok(source.isPaused()), 1000, 1);
    for (let count = 0; count < 63; count += 1) transfers.begin();
    source.end(CHUNK);
    const release = setInterval(() => waiting.shift()?.(), 0);
    try {
      assert.equal(await appending, 101 * CHUNK.length);
    } finally {
      clearInterval(release);
    }
  });

  it('writes in batches, not chunk by chunk', async () => {
    const sizes: number[] = [];
    await append(
      fastSource(8 * MIB, () => undefined),
      (_batch, sizeBytes) => {
        sizes.push(sizeBytes);
        return Promise.resolve();
      },
    );
    assert.ok(
      sizes.every((size) => size >= 128 * KIB && size <= MIB),
      sizes.join(' '),
    );
  });

  it('bounds the number of buffers of a client that sends single bytes', async () => {
    let largest = 0;
    const source = Readable.from(
      (function* () {
        for (let n = 0; n < 20_000; n += 1) yield Buffer.alloc(1);
      })(),
    );
    const appended = await append(source, (batch) => {
      largest = Math.max(largest, batch.length);
      return new Promise((resolve) => setImmediate(resolve));
    });
    assert.equal(appended, 20_000);
    assert.ok(largest <= 512, `${largest} buffers`);
  });

  it('waits for the write in flight before it rejects, and writes nothing more', async () => {
    const source = new PassThrough();
    let writes = 0;
    let hasWritten = false;
    const appending = append(source, async () => {
      writes += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
      hasWritten = true;
    });
    for (let count = 0; count < 4; count += 1) source.write(CHUNK);
    await eventually(() => assert.equal(writes, 1), 1000, 1);
    source.destroy(new Error('reset'));
    await assert.rejects(appending, /reset/);
    assert.deepEqual([writes, hasWritten], [1, true]);
  });

  it('hands on the error of the disk and lets go of the source', async () => {
    const source = fastSource(16 * MIB, () => undefined);
    await assert.rejects(
      append(source, () => Promise.reject(new Error('disk broke'))),
      /disk broke/,
    );
    assert.equal(source.listenerCount('data'), 0);
    const closed = new Promise((resolve) => source.once('close', resolve));
    source.destroy(new Error('later and of no interest'));
    await closed;
  });

  it('hands on what the hash throws', async () => {
    const options = {
      transfers: new Transfers(),
      sink: () => Promise.resolve(),
      limitError: () => new Error(),
    };
    const onChunk = (): never => {
      throw new Error('hash is finished');
    };
    await assert.rejects(
      appendInBatches(
        fastSource(MIB, () => undefined),
        { ...options, onChunk },
      ),
      /hash is finished/,
    );
  });
});
