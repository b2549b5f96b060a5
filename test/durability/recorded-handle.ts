import type { FileHandle } from 'node:fs/promises';

import type { Entry } from './disk-model';
import { ModelFile } from './disk-model';

const UNKNOWN_CALLS = ['appendFile', 'createWriteStream', 'writableWebStream', 'write', 'writeFile'] as const;

export interface HandleRecorder {
  /** Begins a sync of the entry; the answer settles what it covers. */
  beginSync: (entry: Entry) => () => void;
  /** One change after the other. */
  exclusively: <T>(work: () => Promise<T>) => Promise<T>;
  onClose: () => void;
}

/** The same handle, of whose methods those that change or sync are recorded. */
export function recordHandle(handle: FileHandle, entry: Entry, recorder: HandleRecorder): FileHandle {
  const realClose = handle.close.bind(handle);
  const close = async () => {
    recorder.onClose();
    await realClose();
  };
  const refusals = UNKNOWN_CALLS.map((name) => [name, () => raise(unmodelled(name))] as const);
  const changes = entry instanceof ModelFile ? changesOf(handle, entry, recorder) : {};
  const sync = syncOf(handle, entry, recorder);
  return Object.assign(handle, { ...Object.fromEntries(refusals), ...changes, sync, datasync: sync, close });
}

function syncOf(handle: FileHandle, entry: Entry, recorder: HandleRecorder): () => Promise<void> {
  const real = handle.sync.bind(handle);
  return () => {
    // What is still being written may be missed by a sync that is asked for meanwhile.
    const settle = recorder.beginSync(entry);
    return recorder.exclusively(async () => {
      await real();
      settle();
    });
  };
}

function changesOf(
  handle: FileHandle,
  file: ModelFile,
  { exclusively }: HandleRecorder,
): Pick<FileHandle, 'truncate' | 'writev'> {
  const [truncate, writev] = [handle.truncate.bind(handle), handle.writev.bind(handle)];
  return {
    truncate: (length = 0) =>
      exclusively(async () => {
        await truncate(length);
        file.resize(length);
      }),
    writev: (buffers, position) =>
      exclusively(async () => {
        if (position === undefined) throw unmodelled('writev without a position');
        const written = await writev(buffers, position);
        const parts = buffers.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength));
        file.write(position, Buffer.concat(parts).subarray(0, written.bytesWritten));
        return written;
      }),
  };
}

export function unmodelled(call: string): Error {
  return new Error(`${call} is not known to the recorded disk: teach it what a power cut does to it`);
}

function raise(error: Error): never {
  throw error;
}
