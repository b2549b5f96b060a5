import type { Hash } from 'node:crypto';
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

import type { Extract, Header } from 'tar-stream';
import { extract } from 'tar-stream';

import type { LayerEntry, LayerLimits } from '../../scanner/layers/layer-indexer';
import { LayerIndexer } from '../../scanner/layers/layer-indexer';
import type { LayerResult } from '../../scanner/layers/layer-result';
import type { StoredBytes } from '../../storage/driver';
import { BlobMissingError } from '../../storage/errors';
import { MAGIC_BYTES, openCompression } from './layer-compression';
import { LayerDigestError, LayerSourceError, LayerTimeoutError, UnreadableLayerError } from './layer-errors';

/** What of storage is needed here. */
interface BlobSource {
  readBlob(key: string): Promise<Pick<StoredBytes, 'stream'>>;
}

interface StoredLayer {
  digest: string;
  storageKey: string;
  sizeBytes: number;
}

export interface ReadLimits extends Partial<LayerLimits> {
  /** For the whole layer. Default 600 s (scanning spec 2.1). */
  timeoutMs: number;
  /** An archive up to this size may be packed as tightly as it likes. Default 512 MiB. */
  freeBytes: number;
  /** A larger one may be at most so many times its packed size. Default 200. */
  expansionRatio: number;
}

const DEFAULT_LIMITS: ReadLimits = { timeoutMs: 600_000, freeBytes: 512 * 1024 ** 2, expansionRatio: 200 };

/**
 * Streams one layer through its digest, its compression and all indexers. Memory holds one wanted file at most. Throws
 * `UnreadableLayerError` when nobody can read what was pushed, another error when trying again may help.
 */
export async function readLayer(
  storage: BlobSource,
  layer: StoredLayer,
  { limits, signal }: { limits?: Partial<ReadLimits>; signal: AbortSignal },
): Promise<LayerResult> {
  const bounds = { ...DEFAULT_LIMITS, ...limits };
  const deadline = AbortSignal.timeout(bounds.timeoutMs);
  const reading = new LayerReading(storage, layer, AbortSignal.any([signal, deadline]));
  try {
    const result = await reading.index(bounds);
    await reading.requireDigest();
    return result;
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted) throw new LayerTimeoutError(layer.digest, bounds.timeoutMs);
    if (isRepeatable(error)) throw error;
    // What cannot be unpacked may have been damaged: that is another story than a bad push.
    await reading.requireDigest();
    throw new UnreadableLayerError(layer.digest, messageOf(error), { cause: error });
  }
}

class LayerReading {
  private readonly hash: Hash;
  private readonly hex: string;
  private readonly algorithm: string;
  private seenBytes = 0;

  constructor(
    private readonly storage: BlobSource,
    private readonly layer: StoredLayer,
    private readonly signal: AbortSignal,
  ) {
    [this.algorithm, this.hex] = layer.digest.split(':') as [string, string];
    this.hash = createHash(this.algorithm);
  }

  async index(limits: ReadLimits): Promise<LayerResult> {
    const { stream } = await this.storage.readBlob(this.layer.storageKey);
    const bytes = this.hashed(stream as AsyncIterable<Buffer>);
    const head = await readHead(bytes);
    const archive = extract();
    const guard = (unpacked: AsyncIterable<Buffer>) => this.guardExpansion(unpacked, limits);
    try {
      const compression = openCompression(head);
      const packed = withHead(head, bytes);
      const unpacking = compression
        ? pipeline(packed, compression, guard, archive, { signal: this.signal })
        : pipeline(packed, guard, archive, { signal: this.signal });
      const [unpacked, indexed] = await Promise.allSettled([unpacking, indexArchive(archive, limits)]);
      // An indexer that gives up closes the archive, and the other side only sees that it was closed.
      if (indexed.status === 'rejected' && !isPrematureClose(indexed.reason)) throw indexed.reason;
      if (unpacked.status === 'rejected') throw unpacked.reason;
      if (indexed.status === 'rejected') throw indexed.reason;
      return indexed.value;
    } finally {
      stream.destroy();
    }
  }

  /** Of all bytes; read again from storage when unpacking ended before their end. */
  async requireDigest(): Promise<void> {
    const hash = this.seenBytes === this.layer.sizeBytes ? this.hash : await this.hashAll();
    const found = hash.digest('hex');
    if (found !== this.hex) throw new LayerDigestError(this.layer.digest, `${this.algorithm}:${found}`);
  }

  private async hashAll(): Promise<Hash> {
    const hash = createHash(this.algorithm);
    const { stream } = await this.storage.readBlob(this.layer.storageKey);
    await pipeline(stream, hash, { signal: this.signal });
    return hash;
  }

  private async *hashed(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of stream) {
        this.hash.update(chunk);
        this.seenBytes += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw new LayerSourceError(this.layer.digest, error);
    }
  }

  private async *guardExpansion(
    unpacked: AsyncIterable<Buffer>,
    { freeBytes, expansionRatio }: ReadLimits,
  ): AsyncGenerator<Buffer> {
    const mostBytes = Math.max(freeBytes, this.layer.sizeBytes * expansionRatio);
    let bytes = 0;
    for await (const chunk of unpacked) {
      bytes += chunk.length;
      if (bytes > mostBytes) {
        throw new Error(`it unpacks to more than ${mostBytes} bytes from ${this.layer.sizeBytes}`);
      }
      yield chunk;
    }
  }
}

async function indexArchive(archive: Extract, limits: Partial<LayerLimits>): Promise<LayerResult> {
  const indexer = new LayerIndexer(limits);
  for await (const entry of archive) {
    const { name, type, linkname, size, mode } = entry.header;
    await indexer.add({
      path: name,
      type: entryType(type),
      linkName: linkname ?? undefined,
      sizeBytes: size ?? 0,
      mode,
      read: () => buffer(entry),
    });
    entry.resume();
  }
  return indexer.finish();
}

function entryType(type: Header['type']): LayerEntry['type'] {
  switch (type) {
    case 'file':
    case 'contiguous-file':
      return 'file';
    case 'link':
      return 'hardlink';
    case 'symlink':
    case 'directory':
      return type;
    default:
      return 'other';
  }
}

async function readHead(bytes: AsyncGenerator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES) {
    const next = await bytes.next();
    if (next.done) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  return head;
}

async function* withHead(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* rest;
}

function isRepeatable(error: unknown): boolean {
  return (
    error instanceof LayerSourceError ||
    error instanceof LayerDigestError ||
    error instanceof BlobMissingError ||
    (error as { name?: unknown }).name === 'AbortError'
  );
}

function isPrematureClose(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || message === 'Premature close';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
