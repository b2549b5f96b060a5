import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { createGzip, gzipSync } from 'node:zlib';

import { pack } from 'tar-stream';

import { LayerDigestError, LayerSourceError } from '../../../activities/scan/layer-errors';
import type { ReadLimits } from '../../../activities/scan/read-layer';
import { readLayer } from '../../../activities/scan/read-layer';
import { BlobMissingError } from '../../../storage/errors';
import { distInfo } from '../../scanner/layer-fixtures';
import { buildLayer, digestOf } from '../../support/layers';

/** Storage whose blob is whatever the test makes. */
class OneBlob {
  constructor(private readonly make: () => AsyncIterable<Buffer>) {}

  readBlob() {
    return Promise.resolve({ stream: Readable.from(this.make()) });
  }
}

async function* chunksOf(bytes: Buffer, size = 65_536): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) {
    yield await Promise.resolve(bytes.subarray(start, start + size));
  }
}

/** A tar of a million empty files, a thousand at a time. */
function* manyHeaders(): Generator<Buffer> {
  const template = Buffer.alloc(512);
  template.write('usr/share/a/000/000000', 0);
  template.write('0000644\x000000000\x000000000\x0000000000000\x0014000000000\x00        0', 100);
  template.write('ustar\x0000', 257);
  for (let group = 0; group < 1000; group += 1) {
    const chunk = Buffer.alloc(512_000);
    for (let index = 0; index < 1000; index += 1) {
      const header = chunk.subarray(512 * index, 512 * index + 512);
      template.copy(header);
      header.write(String(group).padStart(3, '0'), 12);
      header.write(String(index).padStart(6, '0'), 16);
      let sum = 0;
      for (const byte of header.subarray(0, 265)) sum += byte;
      header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    }
    yield chunk;
  }
}

function read(
  blob: OneBlob,
  layer: { digest: string; sizeBytes: number },
  limits: Partial<ReadLimits> = {},
  signal = new AbortController().signal,
) {
  return readLayer(blob, { ...layer, storageKey: 'key' }, { limits, signal });
}

describe('readLayer', function () {
  this.timeout(120_000);

  it('reads a million entries in time and in bounded memory', async () => {
    const sizeBytes = 512 * 1_000_000;
    const digest = createHash('sha256');
    for (const chunk of manyHeaders()) digest.update(chunk);
    const layer = { digest: `sha256:${digest.digest('hex')}`, sizeBytes };

    const result = await read(new OneBlob(() => Readable.from(manyHeaders())), layer);
    assert.equal(result.entryCount, 1_000_000);
  });

  it('keeps memory flat at a bomb of a gigabyte', async () => {
    const zeros = Buffer.alloc(16 * 1024 ** 2);
    const archive = pack();
    const packing = (async () => {
      const gzip = archive.pipe(createGzip({ level: 1 }));
      const parts: Buffer[] = [];
      for await (const chunk of gzip as AsyncIterable<Buffer>) parts.push(chunk);
      return Buffer.concat(parts);
    })();
    const entry = archive.entry({ name: 'zeros', size: 64 * zeros.length });
    for (let index = 0; index < 64; index += 1) {
      if (!entry.write(zeros)) await once(entry, 'drain');
    }
    entry.end(undefined);
    archive.finalize();
    const bytes = await packing;
    const layer = { digest: digestOf(bytes), sizeBytes: bytes.length };
    const blob = new OneBlob(() => chunksOf(bytes));
    const before = process.memoryUsage().rss;
    let highest = before;
    const watch = setInterval(() => (highest = Math.max(highest, process.memoryUsage().rss)), 20);
    try {
      await assert.rejects(
        read(blob, layer, { freeBytes: 256 * 1024 ** 2, expansionRatio: 50 }),
        /unpacks to more than/,
      );
    } finally {
      clearInterval(watch);
    }
    assert.ok(highest - before < 100 * 1024 ** 2, `${(highest - before) >> 20} MiB`);
  });

  it('names the layer when storage gives other bytes', async () => {
    const { bytes, digest } = await buildLayer({ 'etc/hosts': 'x' });
    const other = (await buildLayer({ 'etc/hosts': 'y' })).bytes;
    const blob = new OneBlob(() => chunksOf(other));
    await assert.rejects(read(blob, { digest, sizeBytes: bytes.length }), (error) => {
      assert.ok(error instanceof LayerDigestError);
      assert.ok(error.message.includes(digest) && error.message.includes(digestOf(other)), error.message);
      return true;
    });
  });

  it('does not blame the layer for a failing disk or a missing blob', async () => {
    const { bytes, digest } = await buildLayer({ 'etc/hosts': 'x'.repeat(500_000) }, 'none');
    const broken = new OneBlob(async function* () {
      yield await Promise.resolve(bytes.subarray(0, 100_000));
      throw new Error('EIO: i/o error, read');
    });
    await assert.rejects(read(broken, { digest, sizeBytes: bytes.length }), (error) => {
      assert.ok(error instanceof LayerSourceError);
      assert.match(String((error.cause as Error).message), /EIO/);
      return true;
    });
    const missing = { readBlob: () => Promise.reject(new BlobMissingError('key')) };
    await assert.rejects(
      readLayer(
        missing,
        { digest, sizeBytes: 1, storageKey: 'key' },
        { signal: new AbortController().signal },
      ),
      BlobMissingError,
    );
  });

  it('stops at once when it is cancelled, with the reason', async () => {
    const stop = new AbortController();
    const endless = new OneBlob(async function* () {
      yield gzipSync(Buffer.alloc(10));
      await delay(60_000, undefined, { signal: stop.signal, ref: false });
    });
    const reading = read(endless, { digest: digestOf('x'), sizeBytes: 1000 }, {}, stop.signal);
    stop.abort(new Error('cancelled by an operator'));
    await assert.rejects(reading, /cancelled by an operator/);
  });

  it('reads concatenated members of gzip, and a layer without any entry', async () => {
    const [path, metadata] = distInfo('idna', '3.6');
    const { bytes } = await buildLayer({ [path]: metadata as string }, 'none');
    const halves = Buffer.concat([gzipSync(bytes.subarray(0, 700)), gzipSync(bytes.subarray(700))]);
    const blob = new OneBlob(() => chunksOf(halves));
    const result = await read(blob, { digest: digestOf(halves), sizeBytes: halves.length });
    assert.equal(result.packageFiles[0]?.packages[0]?.name, 'idna');
    const empty = await buildLayer({});
    const none = new OneBlob(() => chunksOf(empty.bytes));
    assert.equal((await read(none, { digest: empty.digest, sizeBytes: empty.bytes.length })).entryCount, 0);
  });
});
