import type { EntityManager } from 'typeorm';

import type { BlobState, RepositoryBlob } from '../entities/content';
import { execute } from '../pool';
import { Blob } from '../entities/content';
import { blobHasDigest, canonicalDigests } from './blob-digests';

/** The row of a digest, locked until the transaction ends. */
export async function lockBlob(manager: EntityManager, digest: string): Promise<LockedBlob | undefined> {
  const rows = await execute<LockedBlob[]>(
    manager,
    `SELECT id, storage_key AS storageKey, state FROM stored_blob WHERE digest = ? FOR UPDATE`,
    [digest],
  );
  return rows[0];
}

export type LockedBlob = Pick<Blob, 'id' | 'storageKey' | 'state'>;

/** Adds the row unless another push did so first; whoever asks next finds one row, locked by this transaction. */
export async function insertBlobOnce(
  manager: EntityManager,
  blob: Pick<Blob, 'digest' | 'sizeBytes' | 'storageKey' | 'createdAtMs'>,
): Promise<LockedBlob> {
  // Takes the exclusive lock at once: INSERT IGNORE would take a shared one, and two pushers would then wait for each other.
  await execute<unknown>(
    manager,
    `INSERT INTO stored_blob (digest, size_bytes, storage_key, state, created_at_ms) VALUES (?, ?, ?, 'live', ?)
     ON DUPLICATE KEY UPDATE id = id`,
    [blob.digest, blob.sizeBytes, blob.storageKey, blob.createdAtMs],
  );
  const row = await lockBlob(manager, blob.digest);
  if (!row) throw new Error(`the row of ${blob.digest} is gone`);
  return row;
}

/** Links a blob to a repository, or keeps an older link for longer. */
export async function holdBlob(
  manager: EntityManager,
  link: Pick<RepositoryBlob, 'repositoryId' | 'blobId' | 'holdUntilMs'>,
): Promise<void> {
  await execute<unknown>(
    manager,
    `INSERT INTO repository_blob (repository_id, blob_id, hold_until_ms) VALUES (?, ?, ?)
     ON DUPLICATE KEY UPDATE hold_until_ms = GREATEST(hold_until_ms, VALUES(hold_until_ms))`,
    [link.repositoryId, link.blobId, link.holdUntilMs],
  );
}

/** Keeps a link for longer; false when there is none. */
export async function extendHold(
  manager: EntityManager,
  link: Pick<RepositoryBlob, 'repositoryId' | 'blobId' | 'holdUntilMs'>,
): Promise<boolean> {
  const { affectedRows } = await manager.query<{ affectedRows: number }>(
    `UPDATE repository_blob SET hold_until_ms = GREATEST(hold_until_ms, ?) WHERE repository_id = ? AND blob_id = ?`,
    [link.holdUntilMs, link.repositoryId, link.blobId],
  );
  return affectedRows === 1;
}

export interface LinkedBlob {
  id: number;
  /** The one that was asked for. */
  digest: string;
  sizeBytes: number;
  state: BlobState;
}

/**
 * The blobs of these digests that the repository may use, under share locks taken in id order: garbage collection
 * cannot take one of them before this transaction ends, and two pushes cannot wait for each other (performance spec 6).
 */
export async function lockLinkedBlobs(
  manager: EntityManager,
  repositoryId: number,
  digests: readonly string[],
): Promise<LinkedBlob[]> {
  const canonical = await canonicalDigests(manager, digests);
  if (canonical.size === 0) return [];
  const rows = await manager.query<LinkedBlob[]>(
    `SELECT b.id, b.digest, b.size_bytes AS sizeBytes, b.state
       FROM stored_blob b JOIN repository_blob l ON l.blob_id = b.id AND l.repository_id = ?
      WHERE b.digest IN (?) AND b.state <> 'deleting' ORDER BY b.id LOCK IN SHARE MODE`,
    [repositoryId, [...new Set(canonical.values())]],
  );
  const byDigest = new Map(rows.map((row) => [row.digest, row]));
  return [...canonical].flatMap(([digest, stored]) => {
    const row = byDigest.get(stored);
    return row ? { ...row, digest } : [];
  });
}

/** A blob of the repository, for whoever may read that; undefined when it is not linked there. */
export async function findLinkedBlob(
  manager: EntityManager,
  repositoryId: number,
  digest: string,
): Promise<Pick<Blob, 'storageKey' | 'sizeBytes'> | undefined> {
  const rows = await manager.query<Pick<Blob, 'storageKey' | 'sizeBytes'>[]>(
    `SELECT b.storage_key AS storageKey, b.size_bytes AS sizeBytes
       FROM stored_blob b JOIN repository_blob l ON l.blob_id = b.id AND l.repository_id = ?
      WHERE ${blobHasDigest(digest)} AND b.state <> 'deleting'`,
    [repositoryId, digest],
  );
  return rows[0];
}

/** A blob by any of its digests, whoever has it: for what the product does itself. */
export async function findBlob(
  manager: EntityManager,
  digest: string,
): Promise<Pick<Blob, 'storageKey' | 'sizeBytes'> | undefined> {
  const rows = await manager.query<Pick<Blob, 'storageKey' | 'sizeBytes'>[]>(
    `SELECT b.storage_key AS storageKey, b.size_bytes AS sizeBytes
       FROM stored_blob b WHERE ${blobHasDigest(digest)}`,
    [digest],
  );
  return rows[0];
}

/** Takes blobs that garbage collection had in view back into use; they are locked by the caller. */
export async function reviveBlobs(manager: EntityManager, blobIds: readonly number[]): Promise<void> {
  if (blobIds.length === 0) return;
  await manager.query(`UPDATE stored_blob SET state = 'live' WHERE id IN (?) AND state = 'candidate'`, [
    blobIds,
  ]);
}

/** True when a manifest of the repository that was not deleted names the blob. */
export async function isBlobInUse(
  manager: EntityManager,
  repositoryId: number,
  blobId: number,
): Promise<boolean> {
  const rows = await manager.query<unknown[]>(
    `SELECT 1 FROM manifest_blob mb JOIN manifest m ON m.id = mb.manifest_id
      WHERE mb.blob_id = ? AND mb.repository_id = ? AND m.deleted_at_ms IS NULL LIMIT 1`,
    [blobId, repositoryId],
  );
  return rows.length > 0;
}

export interface BlobHome {
  namespace: string;
  name: string;
}

/** Repositories that a blob is linked to, newest link first; at most `limit`. */
export async function repositoriesWithBlob(
  manager: EntityManager,
  digest: string,
  limit: number,
): Promise<BlobHome[]> {
  return manager.query<BlobHome[]>(
    `SELECT n.name AS namespace, r.name AS name
       FROM stored_blob b JOIN repository_blob l ON l.blob_id = b.id
       JOIN repository r ON r.id = l.repository_id JOIN account n ON n.id = r.namespace_id
      WHERE ${blobHasDigest(digest)} AND b.state <> 'deleting' ORDER BY l.id DESC LIMIT ${String(limit)}`,
    [digest],
  );
}

export interface ReadableLink {
  linkId: number;
  blobId: number;
  state: BlobState;
}

/** The link with its blob, both locked until the transaction ends; undefined when the blob cannot be read in this repository. */
export async function lockReadableLink(
  manager: EntityManager,
  repositoryId: number,
  digest: string,
  { nowMs, mode }: { nowMs: number; mode: 'share' | 'update' },
): Promise<ReadableLink | undefined> {
  const rows = await manager.query<ReadableLink[]>(
    `SELECT l.id AS linkId, b.id AS blobId, b.state
       FROM stored_blob b JOIN repository_blob l ON l.blob_id = b.id
      WHERE ${blobHasDigest(digest)} AND b.state <> 'deleting' AND l.repository_id = ?
        AND (l.hold_until_ms > ? OR EXISTS (
          SELECT 1 FROM manifest_blob mb JOIN manifest m ON m.id = mb.manifest_id
           WHERE mb.blob_id = b.id AND mb.repository_id = l.repository_id AND m.deleted_at_ms IS NULL))
      ${mode === 'update' ? 'FOR UPDATE' : 'LOCK IN SHARE MODE'}`,
    [digest, repositoryId, nowMs],
  );
  return rows[0];
}

/** The row of a blob, locked until the transaction ends. */
export async function lockBlobById(manager: EntityManager, id: number): Promise<Blob | null> {
  return manager.findOne(Blob, { where: { id }, lock: { mode: 'pessimistic_write' } });
}
