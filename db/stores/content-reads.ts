import type { RepositoryPath } from '../../model/names';
import type { PreparedPool } from '../pool';
import { statementLimit } from '../pool';
import { blobHasDigest } from './blob-digests';

/**
 * The statements behind GET and HEAD of `/v2/`: written SQL, prepared, one for each request (performance spec 6).
 * Every row they answer is of a repository that the caller was already found to be allowed to read.
 */

export interface StoredManifest {
  digest: string;
  mediaType: string;
  sizeBytes: number;
  /** Null when only the head was asked for. */
  body: Buffer | null;
}

const MANIFEST_COLUMNS = 'm.media_type AS mediaType, m.size_bytes AS sizeBytes';

/** The digest is the one that the tag was put with (registry spec 18.1). */
export async function manifestByTag(
  pool: PreparedPool,
  repositoryId: number,
  tag: string,
  { nowMs, withBody }: { nowMs: number; withBody: boolean },
): Promise<StoredManifest | undefined> {
  const rows = await pool.select<StoredManifest>(
    `SELECT t.digest, ${MANIFEST_COLUMNS}, ${withBody ? 'm.body' : 'NULL'} AS body
       FROM tag t JOIN manifest m ON m.id = t.manifest_id
      WHERE t.repository_id = ? AND t.name = ? AND t.is_current = 1
        AND (t.lifetime_end_ms IS NULL OR t.lifetime_end_ms > ?) AND m.deleted_at_ms IS NULL`,
    [repositoryId, tag, nowMs],
  );
  return rows[0];
}

export async function manifestByDigest(
  pool: PreparedPool,
  repositoryId: number,
  digest: string,
  { withBody }: { withBody: boolean },
): Promise<StoredManifest | undefined> {
  const rows = await pool.select<StoredManifest>(
    `SELECT m.digest, ${MANIFEST_COLUMNS}, ${withBody ? 'm.body' : 'NULL'} AS body
       FROM manifest m WHERE m.repository_id = ? AND m.digest = ? AND m.deleted_at_ms IS NULL`,
    [repositoryId, digest],
  );
  return rows[0];
}

/** True when the tag was alive once and ended; asked only after a miss: one that was put meanwhile has not ended. */
export async function tagHasEnded(
  pool: PreparedPool,
  repositoryId: number,
  tag: string,
  nowMs: number,
): Promise<boolean> {
  const rows = await pool.select(
    `SELECT 1 FROM tag WHERE repository_id = ? AND name = ? AND (is_current IS NULL OR lifetime_end_ms <= ?) LIMIT 1`,
    [repositoryId, tag, nowMs],
  );
  return rows.length > 0;
}

/** A link makes a blob readable while its hold runs or a manifest that was not deleted uses it. */
const LINK_COUNTS = `(l.hold_until_ms > ? OR EXISTS (
  SELECT 1 FROM manifest_blob mb JOIN manifest m ON m.id = mb.manifest_id
   WHERE mb.blob_id = l.blob_id AND mb.repository_id = l.repository_id AND m.deleted_at_ms IS NULL))`;

export interface ReadableBlob {
  id: number;
  sizeBytes: number;
  storageKey: string;
  holdUntilMs: number;
  state: string;
}

export async function blobInRepository(
  pool: PreparedPool,
  repositoryId: number,
  digest: string,
  nowMs: number,
): Promise<ReadableBlob | undefined> {
  const rows = await pool.select<ReadableBlob>(
    `SELECT b.id, b.size_bytes AS sizeBytes, b.storage_key AS storageKey, b.state, l.hold_until_ms AS holdUntilMs
       FROM stored_blob b JOIN repository_blob l ON l.blob_id = b.id
      WHERE ${blobHasDigest(digest)} AND b.state <> 'deleting' AND l.repository_id = ? AND ${LINK_COUNTS}`,
    [digest, repositoryId, nowMs],
  );
  return rows[0];
}

/** The same by the repository's path, for a push that has not opened its repository yet; any link counts. */
export async function blobLinkedTo(
  pool: PreparedPool,
  { namespace, name }: RepositoryPath,
  digest: string,
): Promise<Pick<ReadableBlob, 'sizeBytes' | 'storageKey'> | undefined> {
  const rows = await pool.select<ReadableBlob>(
    `SELECT b.size_bytes AS sizeBytes, b.storage_key AS storageKey
       FROM stored_blob b JOIN repository_blob l ON l.blob_id = b.id
       JOIN repository r ON r.id = l.repository_id JOIN account n ON n.id = r.namespace_id
      WHERE ${blobHasDigest(digest)} AND n.name = ? AND r.name = ?`,
    [digest, namespace, name],
  );
  return rows[0];
}

/** The row of a digest, which is that of the row, whatever repositories have a link to it. */
export async function storedBlob(
  pool: PreparedPool,
  digest: string,
): Promise<Pick<ReadableBlob, 'sizeBytes' | 'storageKey' | 'state'> | undefined> {
  const rows = await pool.select<ReadableBlob>(
    `SELECT size_bytes AS sizeBytes, storage_key AS storageKey, state FROM stored_blob WHERE digest = ?`,
    [digest],
  );
  return rows[0];
}

/** Names after `last`, in ASCII order; at most `limit`. */
export async function liveTagNames(
  pool: PreparedPool,
  repositoryId: number,
  { last, limit, nowMs }: { last: string; limit: number; nowMs: number },
): Promise<string[]> {
  const rows = await pool.select<{ name: string }>(
    // Deep in a repository of many tags the optimizer would rather read and sort all of them.
    `SELECT name FROM tag FORCE INDEX (tag_current)
      WHERE repository_id = ? AND name > ? AND is_current = 1 AND (lifetime_end_ms IS NULL OR lifetime_end_ms > ?)
      ORDER BY name LIMIT ${statementLimit(limit)}`,
    [repositoryId, last, nowMs],
  );
  return rows.slice(0, limit).map((row) => row.name);
}

export interface ReferrerRow {
  id: number;
  digest: string;
  mediaType: string;
  sizeBytes: number;
  artifactType: string | null;
  body: Buffer;
}

export interface ReferrerPage {
  artifactType: string | null;
  /** Begins behind this row. */
  afterId: number;
  limit: number;
}

/** Sizes of the bodies that `referrersOf` would answer, in its order. */
export async function referrerSizes(
  pool: PreparedPool,
  repositoryId: number,
  subjectDigest: string,
  page: ReferrerPage,
): Promise<number[]> {
  const rows = await selectReferrers<{ sizeBytes: number }>(
    pool,
    { repositoryId, subjectDigest, columns: 'size_bytes AS sizeBytes' },
    page,
  );
  return rows.map((row) => row.sizeBytes);
}

/** Manifests of the repository whose subject is the digest, oldest first, after row `afterId` (registry spec 18.5). */
export async function referrersOf(
  pool: PreparedPool,
  repositoryId: number,
  subjectDigest: string,
  page: ReferrerPage,
): Promise<ReferrerRow[]> {
  const columns = `id, digest, media_type AS mediaType, size_bytes AS sizeBytes,
            COALESCE(artifact_type, config_media_type) AS artifactType, body`;
  return selectReferrers(pool, { repositoryId, subjectDigest, columns }, page);
}

function selectReferrers<Row>(
  pool: PreparedPool,
  what: { repositoryId: number; subjectDigest: string; columns: string },
  { artifactType, afterId, limit }: ReferrerPage,
): Promise<Row[]> {
  const filter = artifactType === null ? '' : 'AND COALESCE(artifact_type, config_media_type) = ?';
  return pool.select<Row>(
    `SELECT ${what.columns}
       FROM manifest
      WHERE repository_id = ? AND subject_digest = ? AND deleted_at_ms IS NULL AND id > ? ${filter}
      ORDER BY id LIMIT ${String(limit)}`,
    [what.repositoryId, what.subjectDigest, afterId, ...(artifactType === null ? [] : [artifactType])],
  );
}
