import type { FileState, StoredFile } from '../driver';
import { kindOfKey, uploadKeyOfBlob } from '../keys';
import { sizeOfParts } from './part-stream';
import type { BegunMultipart, S3Listing } from './s3-listing';
import type { UploadRecords, UploadStores } from './upload-records';

export interface ListedStores extends UploadStores {
  listing: S3Listing;
  records: UploadRecords;
}

/** Where everything lies; what else is in the bucket is not ours. */
const FOLDERS = ['uploads/', 'blobs/', 'objects/'];

/** The objects of a place, and the multipart uploads that no object tells of. */
export async function* listFiles(stores: ListedStores): AsyncGenerator<StoredFile> {
  const { listing, objects, records } = stores;
  for (const folder of FOLDERS) {
    for await (const key of listing.keys(folder)) {
      const kind = kindOfKey(key) ?? 'unknown';
      const place = kind === 'upload' ? records : objects;
      yield { key, kind, look: () => place.look(key), remove: () => place.remove(key) };
    }
  }
  for (const folder of FOLDERS) {
    for await (const multipart of listing.multiparts(folder)) {
      const file = await fileOf(stores, multipart);
      if (file) yield file;
    }
  }
}

/** Undefined for one that the record of its upload tells of. */
async function fileOf(stores: ListedStores, multipart: BegunMultipart): Promise<StoredFile | undefined> {
  const { key } = multipart;
  const look = () => lookAt(stores, multipart);
  const remove = () => stores.multiparts.abort(multipart);
  const upload = uploadKeyOfBlob(key);
  if (upload === undefined) {
    return { key, kind: kindOfKey(key) === 'object' ? 'temporary' : 'unknown', look, remove };
  }
  const isRecorded = (await stores.records.look(upload)) !== undefined;
  return isRecorded ? undefined : { key: upload, kind: 'upload', look, remove };
}

async function lookAt(
  { multiparts }: ListedStores,
  { begunAtMs, ...target }: BegunMultipart,
): Promise<FileState | undefined> {
  const parts = await multiparts.list(target);
  return parts && { sizeBytes: sizeOfParts(parts), changedAtMs: begunAtMs };
}
