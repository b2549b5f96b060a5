import type { DigestAlgorithm } from '../model/digests';

const BLOB_KEY =
  /^(?:sha256\/([0-9a-f]{2})\/\1[0-9a-f]{62}|sha512\/([0-9a-f]{2})\/\2[0-9a-f]{126}|blobs\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\.\d{1,15}$/;
const UPLOAD_KEY = /^uploads\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.\d{1,15}$/;
const OBJECT_KEY = /^objects(\/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}){1,8}$/;

/** Objects that a health check writes and removes again. */
export const PROBE_OBJECTS = 'objects/checks/';

const PATTERNS = { blob: BLOB_KEY, upload: UPLOAD_KEY, object: OBJECT_KEY };
export type KeyKind = keyof typeof PATTERNS;

/** Of blobs that keep the name of their upload. */
const UPLOADED = 'blobs';

/** Epochs of one session that a generation can tell apart. */
const EPOCHS = 1000;

/** `<algorithm>/<aa>/<hex>.<generation>`; a generation is never used twice for one digest (performance spec 9). */
export function blobKey(algorithm: DigestAlgorithm, hex: string, generation: number): string {
  return checkKey('blob', `${algorithm}/${hex.slice(0, 2)}/${hex}.${generation}`);
}

/** The generation under which a session publishes: ids of sessions are not used twice, so it is nobody else's. */
export function generationOf({ id, epoch }: { id: number; epoch: number }): number {
  return id * EPOCHS + (epoch % EPOCHS);
}

/** The session that published a blob: its id, which the generation tells, or its uuid in {@link blobKeyOfUpload}. */
export function publisherOf(key: string): number | string {
  const [folder, ...names] = checkKey('blob', key).split('/');
  const [name = '', generation] = names.at(-1)?.split('.') ?? [];
  return folder === UPLOADED ? name : Math.floor(Number(generation) / EPOCHS);
}

/** `blobs/<uuid>.<epoch>`: the blob that an upload becomes where bytes are not moved; as unique as its upload. */
export function blobKeyOfUpload(key: string): string {
  return checkKey('blob', checkKey('upload', key).replace('uploads/', `${UPLOADED}/`));
}

/** The other way round; undefined when the key is of another form. */
export function uploadKeyOfBlob(key: string): string | undefined {
  const [folder, name = ''] = key.split('/');
  const upload = `uploads/${name}`;
  return folder === UPLOADED && kindOfKey(upload) === 'upload' ? upload : undefined;
}

/** What the bytes of a blob that is named by its digest must hash to. */
export function digestOfKey(key: string): { algorithm: string; hex: string } {
  const [algorithm = '', , name = ''] = checkKey('blob', key).split('/');
  return { algorithm, hex: name.slice(0, name.indexOf('.')) };
}

/** `uploads/<uuid>.<epoch>`; whoever takes a session over writes under the next epoch (performance spec 3.6). */
export function uploadKey(uuid: string, epoch: number): string {
  return checkKey('upload', `uploads/${uuid}.${epoch}`);
}

export function readUploadKey(key: string): { uuid: string; epoch: number } {
  const [uuid = '', epoch] = checkKey('upload', key).slice('uploads/'.length).split('.');
  return { uuid, epoch: Number(epoch) };
}

/** Undefined for what is no key of ours. */
export function kindOfKey(key: string): KeyKind | undefined {
  const kinds = Object.keys(PATTERNS) as KeyKind[];
  return kinds.find((kind) => PATTERNS[kind].test(key));
}

/** Gives the key back when it has the form of its kind, so no key can lead out of the storage folder; throws otherwise. */
export function checkKey(kind: KeyKind, key: string): string {
  if (!PATTERNS[kind].test(key)) throw new Error(`"${key}" is not a storage key of the kind ${kind}`);
  return key;
}
