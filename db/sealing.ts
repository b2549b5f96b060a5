import { createCipheriv, createDecipheriv, createHash, randomBytes, scryptSync } from 'node:crypto';

const VERSION = 'v1';
const TAG_BYTES = 16;
const keys = new Map<string, Buffer>();
let currentKeyId: string | undefined;

/** Derives the sealing key from `DATABASE_SECRET_KEY`; called by `createDataSource`. Older keys stay usable for opening. */
export function installSealingKey(secret: string): void {
  const id = createHash('sha256').update(`slipway-key-id:${secret}`).digest('hex').slice(0, 8);
  if (!keys.has(id)) keys.set(id, scryptSync(secret, 'slipway-sealing', 32));
  currentKeyId = id;
}

/** `v1.<key id>.<nonce>.<tag>.<ciphertext>`, base64url: a dump of the database opens nothing without the key. */
export function seal(clear: string): string {
  const key = currentKeyId === undefined ? undefined : keys.get(currentKeyId);
  if (!key || !currentKeyId) throw new Error('no sealing key is installed');
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const body = Buffer.concat([cipher.update(clear, 'utf8'), cipher.final()]);
  return [
    VERSION,
    currentKeyId,
    ...[nonce, cipher.getAuthTag(), body].map((part) => part.toString('base64url')),
  ].join('.');
}

/** Throws when the value was changed or was sealed under a key that is not installed. */
export function openSealed(value: string): string {
  const [version, keyId, nonce, tag, body] = value.split('.');
  const key = keys.get(keyId ?? '');
  if (version !== VERSION || !nonce || !tag || body === undefined) {
    throw new Error('a sealed value is malformed');
  }
  if (!key) throw new Error(`a value is sealed under key "${keyId ?? ''}", which is not installed`);
  // Without the length a tag may be cut to four bytes, and some values come from outside.
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(Buffer.from(tag, 'base64url'));
  return Buffer.concat([decipher.update(Buffer.from(body, 'base64url')), decipher.final()]).toString('utf8');
}
