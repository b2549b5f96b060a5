import type { DigestAlgorithm } from '../model/digests';

const BLOB_KEY =
  /^(?:sha256\/([0-9a-f]{2})\/\1[0-9a-f]{62}|sha512\/([0-9a-f]{2})\/\2[0-9a-f]{126})\.\d{1,15}$/;
const UPLOAD_KEY = /^uploads\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.\d{1,15}$/;
const OBJECT_KEY = /^objects(\/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}){1,8}$/;

const PATTERNS = { blob: BLOB_KEY, upload: UPLOAD_KEY, object: OBJECT_KEY };
export type KeyKind = keyof typeof PATTERNS;

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

/** The id of the session that published a blob, which its generation tells. */
export function sessionIdOf(key: string): number {
  const generation = checkKey('blob', key).split('.').at(-1);
  return Math.floor(Number(generation) / EPOCHS);
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
