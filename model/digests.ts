const HEX_LENGTH = { sha256: 64, sha512: 128 } as const;
export type DigestAlgorithm = keyof typeof HEX_LENGTH;

/** What content is stored by; its other digests lead there (registry spec 12). */
export const CANONICAL_ALGORITHM = 'sha256' satisfies DigestAlgorithm;

/** The parts of `<algorithm>:<lower-case hex>`; undefined for an unknown algorithm, a wrong length or other characters. */
export function parseDigest(digest: string): { algorithm: DigestAlgorithm; hex: string } | undefined {
  const colon = digest.indexOf(':');
  const algorithm = digest.slice(0, colon);
  const hex = digest.slice(colon + 1);
  if (algorithm !== 'sha256' && algorithm !== 'sha512') return undefined;
  return hex.length === HEX_LENGTH[algorithm] && /^[0-9a-f]+$/.test(hex) ? { algorithm, hex } : undefined;
}

export function isDigest(digest: string): boolean {
  return parseDigest(digest) !== undefined;
}

export function isCanonicalDigest(digest: string): boolean {
  return digest.startsWith(`${CANONICAL_ALGORITHM}:`);
}
