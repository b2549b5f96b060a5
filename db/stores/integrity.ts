import type { EntityManager } from 'typeorm';
import { In } from 'typeorm';

import type { BlobState } from '../entities/content';
import { Blob, MissingPart } from '../entities/content';

// What `slipway fsck` reads: pages by id, so that memory stays flat whatever the tables hold. Joins are outer ones, for rows
// that a constraint should have kept from getting lost.

interface Page {
  /** Begins behind this id. */
  afterId: number;
  limit: number;
}

interface RepositoryNames {
  repositoryId: number;
  namespace: string | null;
  repository: string | null;
}

const NAMES = 'r.name AS repository, n.name AS namespace';
const IS_ALIVE = '(t.is_current = 1 AND (t.lifetime_end_ms IS NULL OR t.lifetime_end_ms > ?))';

export interface ContentTotals {
  tags: number;
  manifests: number;
  blobs: number;
  blobBytes: number;
}

export async function contentTotals(manager: EntityManager): Promise<ContentTotals> {
  const [row] = await manager.query<Record<keyof ContentTotals, unknown>[]>(
    `SELECT (SELECT COUNT(*) FROM tag) AS tags, (SELECT COUNT(*) FROM manifest) AS manifests,
       COUNT(*) AS blobs, COALESCE(SUM(size_bytes), 0) AS blobBytes FROM stored_blob`,
  );
  // Sums come as text.
  return {
    tags: Number(row?.tags),
    manifests: Number(row?.manifests),
    blobs: Number(row?.blobs),
    blobBytes: Number(row?.blobBytes),
  };
}

export interface TagToCheck extends RepositoryNames {
  id: number;
  tag: string;
  digest: string;
  isAlive: number;
  manifestId: number;
  /** Null when the manifest has no row. */
  manifestDigest: string | null;
  manifestDeletedAtMs: number | null;
}

export function tagPage(
  manager: EntityManager,
  { afterId, limit, nowMs }: Page & { nowMs: number },
): Promise<TagToCheck[]> {
  return manager.query(
    `SELECT t.id, t.name AS tag, t.digest, COALESCE(${IS_ALIVE}, 0) AS isAlive, t.manifest_id AS manifestId,
       m.digest AS manifestDigest, m.deleted_at_ms AS manifestDeletedAtMs, t.repository_id AS repositoryId, ${NAMES}
       FROM tag t LEFT JOIN manifest m ON m.id = t.manifest_id LEFT JOIN repository r ON r.id = t.repository_id
       LEFT JOIN account n ON n.id = r.namespace_id
      WHERE t.id > ? ORDER BY t.id LIMIT ${String(limit)}`,
    [nowMs, afterId],
  );
}

/** Sizes of manifests, for who must choose how many bodies to read at a time. */
export function manifestSizePage(
  manager: EntityManager,
  { afterId, limit }: Page,
): Promise<{ id: number; sizeBytes: number }[]> {
  return manager.query(
    `SELECT id, size_bytes AS sizeBytes FROM manifest WHERE id > ? ORDER BY id LIMIT ${String(limit)}`,
    [afterId],
  );
}

export interface ManifestToCheck extends RepositoryNames {
  id: number;
  digest: string;
  mediaType: string;
  body: Buffer;
  sizeBytes: number;
  deletedAtMs: number | null;
}

export function manifestsToCheck(manager: EntityManager, ids: readonly number[]): Promise<ManifestToCheck[]> {
  return manager.query(
    `SELECT m.id, m.digest, m.media_type AS mediaType, m.body, m.size_bytes AS sizeBytes,
       m.deleted_at_ms AS deletedAtMs, m.repository_id AS repositoryId, ${NAMES}
       FROM manifest m LEFT JOIN repository r ON r.id = m.repository_id LEFT JOIN account n ON n.id = r.namespace_id
      WHERE m.id IN (?) ORDER BY m.id`,
    [ids],
  );
}

/** What a manifest is linked to: a blob, or the child of an index. */
export interface ContentLink {
  manifestId: number;
  /** Null when the row that the link names is missing. */
  digest: string | null;
  sizeBytes: number | null;
  /** Deleted, or about to be. */
  isDeleted: number;
  /** Readable in the manifest's repository. */
  isInRepository: number;
}

export function blobLinks(manager: EntityManager, manifestIds: readonly number[]): Promise<ContentLink[]> {
  return manager.query(
    `SELECT mb.manifest_id AS manifestId, b.digest, b.size_bytes AS sizeBytes,
       COALESCE(b.state = 'deleting', 0) AS isDeleted, l.id IS NOT NULL AS isInRepository
       FROM manifest_blob mb LEFT JOIN stored_blob b ON b.id = mb.blob_id
       LEFT JOIN repository_blob l ON l.repository_id = mb.repository_id AND l.blob_id = mb.blob_id
      WHERE mb.manifest_id IN (?)`,
    [manifestIds],
  );
}

export function childLinks(manager: EntityManager, manifestIds: readonly number[]): Promise<ContentLink[]> {
  return manager.query(
    `SELECT c.parent_id AS manifestId, m.digest, m.size_bytes AS sizeBytes,
       m.deleted_at_ms IS NOT NULL AS isDeleted, COALESCE(m.repository_id = p.repository_id, 0) AS isInRepository
       FROM manifest_child c JOIN manifest p ON p.id = c.parent_id LEFT JOIN manifest m ON m.id = c.child_id
      WHERE c.parent_id IN (?)`,
    [manifestIds],
  );
}

export interface BlobToCheck {
  id: number;
  digest: string;
  sizeBytes: number;
  storageKey: string;
  state: BlobState;
  /** By a manifest, or by a hold that still runs. */
  isReferenced: number;
}

export function blobPage(
  manager: EntityManager,
  { afterId, limit, nowMs }: Page & { nowMs: number },
): Promise<BlobToCheck[]> {
  return manager.query(
    `SELECT b.id, b.digest, b.size_bytes AS sizeBytes, b.storage_key AS storageKey, b.state,
       (EXISTS (SELECT 1 FROM manifest_blob mb WHERE mb.blob_id = b.id)
        OR EXISTS (SELECT 1 FROM repository_blob l WHERE l.blob_id = b.id AND l.hold_until_ms > ?)) AS isReferenced
       FROM stored_blob b WHERE b.id > ? ORDER BY b.id LIMIT ${String(limit)}`,
    [nowMs, afterId],
  );
}

/** What sparse manifests name and do not have yet. */
export function missingParts(
  manager: EntityManager,
  manifestIds: readonly number[],
): Promise<Pick<MissingPart, 'manifestId' | 'digest'>[]> {
  return manager.find(MissingPart, {
    select: { manifestId: true, digest: true },
    where: { manifestId: In(manifestIds) },
  });
}

/** Those of the digests that a blob is stored by. */
export async function knownDigests(manager: EntityManager, digests: readonly string[]): Promise<Set<string>> {
  if (digests.length === 0) return new Set();
  const rows = await manager.find(Blob, { select: { digest: true }, where: { digest: In(digests) } });
  return new Set(rows.map(({ digest }) => digest));
}

export interface TagName {
  namespace: string;
  repository: string;
  tag: string;
}

const HOLDERS = {
  blob: 'SELECT manifest_id FROM manifest_blob WHERE blob_id = ?',
  manifest: 'SELECT id FROM manifest WHERE id = ?',
};

/** Live tags that lead to a blob or manifest, through indexes too; at most `limit`, whichever come first. */
export function tagsLeadingTo(
  manager: EntityManager,
  what: { kind: keyof typeof HOLDERS; id: number },
  { limit, nowMs }: { limit: number; nowMs: number },
): Promise<TagName[]> {
  return manager.query(
    `WITH RECURSIVE holder (id) AS (
       ${HOLDERS[what.kind]}
       UNION SELECT c.parent_id FROM holder h JOIN manifest_child c ON c.child_id = h.id)
     SELECT n.name AS namespace, r.name AS repository, t.name AS tag
       FROM holder h JOIN tag t ON t.manifest_id = h.id AND ${IS_ALIVE}
       JOIN repository r ON r.id = t.repository_id JOIN account n ON n.id = r.namespace_id
      LIMIT ${String(limit)}`,
    [what.id, nowMs],
  );
}
