import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { access, copyFile, open, stat, truncate, unlink } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { Readable } from 'node:stream';

import { createBlockStream } from './block-stream';
import type { BlobFile, ByteRange, FileState, Storage, StoredBytes, StoredFile } from './driver';
import { SMALL_BLOB_BYTES } from './driver';
import { DurableFolders } from './durable-folders';
import { BlobMissingError, UploadMissingError } from './errors';
import { isMissing, toStorageError } from './filesystem-errors';
import { FilesystemUpload } from './filesystem-upload';
import type { KeyKind } from './keys';
import { checkKey, kindOfKey } from './keys';
import { moveDurably } from './move-durably';
import { sendBlocks } from './send-blocks';
import { Transfers } from './transfers';
import { walkFolder } from './walk-folder';

/** Where everything lies; what else an operator or a file system (`lost+found`) has beside them is not ours. */
const FOLDERS = ['uploads', 'sha256', 'sha512', 'objects'];
const TEMPORARY = /^uploads\/\.(probe|object)-/;

/**
 * Blobs, uploads and objects below one folder of one file system, which may be shared by many processes
 * (performance spec 3.4): bytes are synced, renamed into place, and their folder synced, before a call returns.
 */
export class FilesystemStorage implements Storage {
  private readonly rootPath: string;
  private readonly folders: DurableFolders;

  constructor(
    path: string,
    readonly transfers = new Transfers(),
  ) {
    this.rootPath = resolve(path);
    this.folders = new DurableFolders(this.rootPath);
  }

  /** Makes the folders and finds out now, not at the first push, whether they can be written to. */
  async prepare(): Promise<void> {
    await this.folders.make(join(this.rootPath, 'uploads'));
    const probe = this.temporaryPath('probe');
    await (await open(probe, 'wx')).close();
    await unlink(probe);
  }

  /** Throws when the folder is missing or must not be read; unlike {@link prepare} it changes nothing. */
  async requirePlace(): Promise<void> {
    await access(this.rootPath, constants.R_OK | constants.X_OK);
  }

  async openUpload(key: string, { offset }: { offset: number }): Promise<FilesystemUpload> {
    const path = this.pathOf('upload', key);
    const isNew = offset === 0;
    const flags = constants.O_RDWR | (isNew ? constants.O_CREAT | constants.O_TRUNC : 0);
    const file = await open(path, flags).catch((error: unknown) => {
      throw isMissing(error)
        ? new UploadMissingError(key, undefined, { cause: error })
        : toStorageError(error, key);
    });
    if (isNew) return new FilesystemUpload(key, file, this.transfers, 0);
    try {
      const { size } = await file.stat();
      if (size < offset) throw new UploadMissingError(key, `has ${size} bytes, not ${offset}`);
      if (size > offset) await file.truncate(offset);
      return new FilesystemUpload(key, file, this.transfers, offset);
    } catch (error) {
      await file.close();
      throw toStorageError(error, key);
    }
  }

  uploadSize(key: string): Promise<number | undefined> {
    return sizeOf(this.pathOf('upload', key));
  }

  async readUpload(key: string, range: ByteRange = {}): Promise<StoredBytes> {
    const stored = await this.read(this.pathOf('upload', key), range);
    if (!stored) throw new UploadMissingError(key);
    return stored;
  }

  async copyUpload(fromKey: string, toKey: string, lengthBytes: number): Promise<void> {
    const [from, to] = [this.pathOf('upload', fromKey), this.pathOf('upload', toKey)];
    const size = await sizeOf(from);
    if (size === undefined) throw new UploadMissingError(fromKey);
    if (size < lengthBytes) throw new UploadMissingError(fromKey, `has ${size} bytes, not ${lengthBytes}`);
    try {
      await copyFile(from, to, constants.COPYFILE_FICLONE);
      await truncate(to, lengthBytes);
    } catch (error) {
      await removeIfPossible(to);
      throw toStorageError(error, toKey);
    }
  }

  async publish(uploadKey: string, blobKey: string): Promise<string> {
    const from = this.pathOf('upload', uploadKey);
    const to = this.pathOf('blob', blobKey);
    const file = await openIfThere(from);
    if (!file) {
      const published = await this.findPublished(uploadKey, blobKey);
      if (published === undefined) throw new UploadMissingError(uploadKey);
      return published;
    }
    try {
      await file.datasync();
      await moveDurably(from, to, this.folders);
    } catch (error) {
      throw toStorageError(error, blobKey);
    } finally {
      await file.close();
    }
    return blobKey;
  }

  async findPublished(uploadKey: string, blobKey: string): Promise<string | undefined> {
    checkKey('upload', uploadKey);
    const path = this.pathOf('blob', blobKey);
    // The name says that the bytes were compared with the digest and synced before they were moved there.
    if ((await sizeOf(path)) === undefined) return undefined;
    // Whoever moved them may have died before the name was durable.
    await this.folders.sync(dirname(path));
    return blobKey;
  }

  discardUpload(key: string): Promise<void> {
    return removeIfThere(this.pathOf('upload', key));
  }

  async readBlob(key: string, range: ByteRange = {}): Promise<StoredBytes> {
    const stored = await this.read(this.pathOf('blob', key), range);
    if (!stored) throw new BlobMissingError(key);
    return stored;
  }

  async readSmall(key: string): Promise<Buffer> {
    const file = await openIfThere(this.pathOf('blob', key));
    if (!file) throw new BlobMissingError(key);
    try {
      const { size } = await file.stat();
      if (size > SMALL_BLOB_BYTES) {
        throw new RangeError(`blob "${key}" has ${size} bytes, too many for one read`);
      }
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size, 0);
      if (bytesRead < size) throw new Error(`blob "${key}" ended after ${bytesRead} of ${size} bytes`);
      return buffer;
    } finally {
      await file.close();
    }
  }

  blobSize(key: string): Promise<number | undefined> {
    return sizeOf(this.pathOf('blob', key));
  }

  blobLink(key: string): Promise<undefined> {
    checkKey('blob', key);
    return Promise.resolve(undefined);
  }

  async blobFile(key: string): Promise<BlobFile> {
    const sizeBytes = await this.blobSize(key);
    if (sizeBytes === undefined) throw new BlobMissingError(key);
    return { path: key, sizeBytes };
  }

  deleteBlob(key: string): Promise<void> {
    return removeIfThere(this.pathOf('blob', key));
  }

  async putObject(key: string, body: Readable | Buffer): Promise<number> {
    const path = this.pathOf('object', key);
    const source = body instanceof Readable ? body : Readable.from([body]);
    // It may break while the file is being opened; the append finds that out.
    source.on('error', () => undefined);
    const temporary = this.temporaryPath('object');
    const file = await open(temporary, 'wx').catch((error: unknown) => {
      throw toStorageError(error, key);
    });
    const writer = new FilesystemUpload(key, file, this.transfers, 0);
    try {
      const sizeBytes = await writer.append(source);
      await file.datasync();
      await moveDurably(temporary, path, this.folders);
      return sizeBytes;
    } catch (error) {
      await removeIfPossible(temporary);
      throw toStorageError(error, key);
    } finally {
      await file.close();
    }
  }

  async getObject(key: string): Promise<StoredBytes> {
    const stored = await this.read(this.pathOf('object', key), {});
    if (!stored) throw new BlobMissingError(key);
    return stored;
  }

  deleteObject(key: string): Promise<void> {
    return removeIfThere(this.pathOf('object', key));
  }

  async *listFiles(): AsyncGenerator<StoredFile> {
    for (const folder of FOLDERS) {
      for await (const path of walkFolder(join(this.rootPath, folder))) {
        const key = relative(this.rootPath, path);
        const kind = kindOfKey(key) ?? (TEMPORARY.test(key) ? 'temporary' : 'unknown');
        yield { key, kind, look: () => stateOf(path), remove: () => removeIfThere(path) };
      }
    }
  }

  /** {@link TEMPORARY} knows it again when a crash has left it behind. */
  private temporaryPath(purpose: 'probe' | 'object'): string {
    return join(this.rootPath, 'uploads', `.${purpose}-${randomUUID()}`);
  }

  private pathOf(kind: KeyKind, key: string): string {
    return join(this.rootPath, checkKey(kind, key));
  }

  private async read(path: string, { start = 0, end }: ByteRange): Promise<StoredBytes | undefined> {
    const file = await openIfThere(path);
    if (!file) return undefined;
    try {
      const { size } = await file.stat();
      const stop = Math.min(size, end === undefined ? size : end + 1);
      const span = { file, start, end: stop, transfers: this.transfers };
      const stream = createBlockStream(span);
      const sendTo = (target: Writable): Promise<void> =>
        sendBlocks(span, target).finally(() => stream.destroy());
      return { stream, sizeBytes: size, sendTo };
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stateOf(path))?.sizeBytes;
}

async function stateOf(path: string): Promise<FileState | undefined> {
  try {
    const { size, mtimeMs, ctimeMs } = await stat(path);
    // A rename, which is how a blob is published, sets the second time only.
    return { sizeBytes: size, changedAtMs: Math.floor(Math.max(mtimeMs, ctimeMs)) };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** After a failure, whose reason matters more than that of this one. */
async function removeIfPossible(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch {
    // Missing, or on a disk that takes nothing: the failure is being reported already.
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
