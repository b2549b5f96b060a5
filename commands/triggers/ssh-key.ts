import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

export interface SshKey {
  /** `ssh-rsa AAAA…`, one line without a comment. */
  publicKey: string;
  /** PEM, PKCS#1, not encrypted: the column seals it. */
  privateKey: string;
}

/** RSA 2048, exponent 65537 (builds spec 1.3). */
export async function generateSshKey(): Promise<SshKey> {
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: 2048, publicExponent: 65_537 });
  const { e = '', n = '' } = pair.publicKey.export({ format: 'jwk' });
  const parts = [Buffer.from('ssh-rsa'), positive(e), positive(n)].map(withLength);
  return {
    publicKey: `ssh-rsa ${Buffer.concat(parts).toString('base64')}`,
    privateKey: pair.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
  };
}

/** RFC 4251 mpint: a leading zero keeps a number with its highest bit set positive. */
function positive(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, 'base64url');
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes;
}

function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
