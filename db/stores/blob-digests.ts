import type { EntityManager } from 'typeorm';

import { isCanonicalDigest } from '../../model/digests';
import type { BlobAlias } from '../entities/content';

/** The condition that finds the blob `b` by any digest of its own; its one parameter is the digest. */
export function blobHasDigest(digest: string): string {
  return isCanonicalDigest(digest)
    ? 'b.digest = ?'
    : 'b.id = (SELECT a.blob_id FROM blob_alias a WHERE a.digest = ?)';
}

/** The digests that blobs are stored by, by the digests that they are called; those that nobody has are absent. */
export async function canonicalDigests(
  manager: EntityManager,
  digests: readonly string[],
): Promise<Map<string, string>> {
  const canonical = new Map(digests.filter(isCanonicalDigest).map((digest) => [digest, digest]));
  const others = digests.filter((digest) => !isCanonicalDigest(digest));
  if (others.length === 0) return canonical;
  const rows = await manager.query<{ alias: string; digest: string }[]>(
    `SELECT a.digest AS alias, b.digest FROM blob_alias a JOIN stored_blob b ON b.id = a.blob_id
      WHERE a.digest IN (?)`,
    [others],
  );
  for (const { alias, digest } of rows) canonical.set(alias, digest);
  return canonical;
}

/** Every digest that leads to a blob. */
export async function digestsOfBlob(manager: EntityManager, blobId: number): Promise<string[]> {
  const rows = await manager.query<{ digest: string }[]>(
    `SELECT digest FROM stored_blob WHERE id = ? UNION ALL SELECT digest FROM blob_alias WHERE blob_id = ?`,
    [blobId, blobId],
  );
  return rows.map(({ digest }) => digest);
}

/** Remembers a digest that was compared with the bytes; one that is known leads to the same content. */
export async function addAlias(
  manager: EntityManager,
  { digest, blobId }: Pick<BlobAlias, 'digest' | 'blobId'>,
): Promise<void> {
  await manager.query(
    `INSERT INTO blob_alias (digest, blob_id) VALUES (?, ?) ON DUPLICATE KEY UPDATE id = id`,
    [digest, blobId],
  );
}
