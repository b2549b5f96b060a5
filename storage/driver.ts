import type { Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Writable } from 'node:stream';

import type { KeyKind } from './keys';

/** Byte positions as `fs.createReadStream` takes them: both inclusive, default everything. */
export interface ByteRange {
  start?: number;
  end?: number;
}

export interface StoredBytes {
  /** The bytes of the range, for one who looks at them. It holds a descriptor: use it up or destroy it, unless `sendTo` is called. */
  stream: Readable;
  /**
   * Passes the range on to a socket, response or file and ends it: faster than `stream`, and memory stays flat. Blocks are
   * used again once their write has called back, so never for a target that keeps what it was given (`PassThrough`).
   * Rejects when the target closes early; the descriptor is closed either way.
   */
  sendTo: (target: Writable) => Promise<void>;
  /** Of the whole blob, not of the range. */
  sizeBytes: number;
}

export interface BlobFile {
  /** Below the storage folder. */
  path: string;
  sizeBytes: number;
}

export interface AppendOptions {
  /** More bytes than this reject with `UploadLimitError`. */
  limitBytes?: number;
  /** Sees every byte once, in the order and moment in which it is handed to storage: the place to hash. */
  onChunk?: (chunk: Buffer) => void;
  signal?: AbortSignal;
  /**
   * Nobody else has the source's chunks: a driver may give their memory back once it has stored them, long before the
   * collector would. True of the bodies of requests.
   */
  isDisposable?: boolean;
}

/**
 * Appends to one upload; one append at a time. When an append rejects, `sizeBytes` says how much arrived and the bytes stay for
 * a resume; when storage refused them, the append's own bytes may be gone, so a hash that saw them must be thrown away.
 */
export interface UploadWriter {
  /** Bytes that others find in storage once the writer is closed; `close` takes those back that it could not store. */
  readonly sizeBytes: number;
  /**
   * Answers the number of bytes appended. Stops at once when the signal aborts or the source breaks. The
   * source is left paused and alive on failure, so that an answer can still be sent over its socket.
   */
  append(source: Readable, options?: AppendOptions): Promise<number>;
  /** May be called again, also after it has rejected. */
  close(): Promise<void>;
}

/** What storage holds, key by key: for one who compares it with the database. */
export interface StoredFile {
  /** The name below storage; of a blob, an upload or an object it is the key. */
  key: string;
  /** By its name: `temporary` ones live as long as the call that makes them, `unknown` ones are none of ours. */
  kind: KeyKind | 'temporary' | 'unknown';
  /** As it is now; undefined when it has gone. */
  look: () => Promise<FileState | undefined>;
  /** For one who knows that nobody needs it; nothing when it has gone. */
  remove: () => Promise<void>;
}

export interface FileState {
  sizeBytes: number;
  /** When its bytes or its name last changed, in milliseconds since the epoch, by the clock of storage. */
  changedAtMs: number;
}

/**
 * Where bytes live. Keys come from `keys.ts` and are opaque to everybody else. Blobs never change once published;
 * deleting is by exact key, so a new generation of a digest can never be lost to a collector of the old one.
 */
export interface Storage {
  /**
   * Offset 0 begins the upload; any other drops what lies behind it (the session's row knows how much counts) and throws
   * `UploadMissingError` when there is less.
   */
  openUpload(key: string, options: { offset: number }): Promise<UploadWriter>;
  uploadSize(key: string): Promise<number | undefined>;
  readUpload(key: string, range?: ByteRange): Promise<StoredBytes>;
  /** The first `lengthBytes` of an upload under the key of a new epoch. */
  copyUpload(fromKey: string, toKey: string, lengthBytes: number): Promise<void>;
  /**
   * Makes the upload a durable blob: when it returns, the bytes survive a power cut. Answers the key to record, which
   * may be another one than `blobKey` where moving is dear. The upload is gone afterwards.
   */
  publish(uploadKey: string, blobKey: string): Promise<string>;
  /**
   * The key that `publish` answered, or would have, if its caller died before it could record it, and as durable as that;
   * undefined when it did not come to that, or when the bytes are not those of `blobKey`'s digest.
   */
  findPublished(uploadKey: string, blobKey: string): Promise<string | undefined>;
  /** Nothing to discard is no error. */
  discardUpload(key: string): Promise<void>;

  /** Throws `BlobMissingError`. */
  readBlob(key: string, range?: ByteRange): Promise<StoredBytes>;
  /** A whole blob of at most {@link SMALL_BLOB_BYTES} in one read; throws `BlobMissingError`, and for a larger one. */
  readSmall(key: string): Promise<Buffer>;
  blobSize(key: string): Promise<number | undefined>;
  /** An address from which whoever has it may read the blob for some minutes; undefined where the driver has none. */
  blobLink(key: string): Promise<string | undefined>;
  /** The blob's file, for who shares the folder; undefined where blobs are no files. Throws `BlobMissingError`. */
  blobFile(key: string): Promise<BlobFile | undefined>;
  /** Nothing to delete is no error. */
  deleteBlob(key: string): Promise<void>;

  /** Build logs, archives, exports (`objects/…`): replaces at once and durably what was there. Answers the size. */
  putObject(key: string, body: Readable | Buffer): Promise<number>;
  /** Throws `BlobMissingError`. */
  getObject(key: string): Promise<StoredBytes>;
  deleteObject(key: string): Promise<void>;

  /** Everything, in any order, with little of it in memory; what comes or goes meanwhile may be left out. */
  listFiles(): AsyncIterable<StoredFile>;
}

export const SMALL_BLOB_BYTES = 64 * 1024;

/** Shows every byte, in order, to one who keeps none of it. */
export async function readThrough(
  { sendTo }: Pick<StoredBytes, 'sendTo'>,
  onChunk: (chunk: Buffer) => void,
): Promise<void> {
  const target = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      onChunk(chunk);
      callback();
    },
  });
  await sendTo(target);
}

/**
 * Feeds stored bytes of an upload into a hash: for the bytes that this process did not receive itself, once,
 * at the end (performance spec 3.6).
 */
export async function hashUpload(
  storage: Pick<Storage, 'readUpload'>,
  key: string,
  hash: Hash,
  range?: ByteRange,
): Promise<void> {
  await readThrough(await storage.readUpload(key, range), (chunk) => hash.update(chunk));
}
