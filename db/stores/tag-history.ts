import type { EntityManager } from 'typeorm';

import { Manifest } from '../entities/content';

export interface TagLifetime {
  name: string;
  digest: string;
  manifestId: number;
  mediaType: string;
  lifetimeStartMs: number;
  lifetimeEndMs: number | null;
  reversion: boolean;
  immutable: boolean;
  /** Null for an index. */
  layersSizeBytes: number | null;
}

export interface TagFilter {
  /** Only what is alive now; otherwise also what ended after `endedAfterMs`. */
  onlyActive: boolean;
  nowMs: number;
  endedAfterMs: number;
  name?: string;
  /** A part of the name, compared without regard to case. */
  namePart?: string;
  limit: number;
  offset: number;
}

/** Lifetimes of tags, newest start first, then by name (api spec 7). */
export async function listTagLifetimes(
  manager: EntityManager,
  repositoryId: number,
  filter: TagFilter,
): Promise<TagLifetime[]> {
  const conditions = ['t.repository_id = ?', '(t.lifetime_end_ms IS NULL OR t.lifetime_end_ms > ?)'];
  const values: unknown[] = [repositoryId, filter.onlyActive ? filter.nowMs : filter.endedAfterMs];
  if (filter.onlyActive) conditions.push('t.is_current = 1');
  if (filter.name !== undefined) {
    conditions.push('t.name = ?');
    values.push(filter.name);
  }
  if (filter.namePart !== undefined) {
    conditions.push('LOCATE(LOWER(?), LOWER(t.name)) > 0');
    values.push(filter.namePart);
  }
  const rows = await manager.query<(TagLifetime & { manifestId: unknown })[]>(
    `SELECT t.name, t.digest, t.manifest_id AS manifestId, m.media_type AS mediaType,
            t.lifetime_start_ms AS lifetimeStartMs, t.lifetime_end_ms AS lifetimeEndMs, t.reversion, t.immutable,
            m.layers_size_bytes AS layersSizeBytes
       FROM tag t JOIN manifest m ON m.id = t.manifest_id
      WHERE ${conditions.join(' AND ')}
      ORDER BY t.lifetime_start_ms DESC, t.name, t.id DESC LIMIT ? OFFSET ?`,
    [...values, filter.limit, filter.offset],
  );
  return rows.map((row) => ({
    ...row,
    manifestId: Number(row.manifestId),
    lifetimeStartMs: Number(row.lifetimeStartMs),
    lifetimeEndMs: row.lifetimeEndMs === null ? null : Number(row.lifetimeEndMs),
    layersSizeBytes: row.layersSizeBytes === null ? null : Number(row.layersSizeBytes),
    reversion: Boolean(row.reversion),
    immutable: Boolean(row.immutable),
  }));
}

/** A manifest that a live tag holds, itself or through indexes; null otherwise (api spec 8). */
export async function findTaggedManifest(
  manager: EntityManager,
  repositoryId: number,
  digest: string,
  nowMs: number,
): Promise<Manifest | null> {
  const manifest = await manager.findOneBy(Manifest, { repositoryId, digest });
  if (!manifest || manifest.deletedAtMs !== null) return null;
  const holders = await manager.query<unknown[]>(
    `WITH RECURSIVE holder (id) AS (
       SELECT CAST(? AS UNSIGNED) UNION SELECT c.parent_id FROM manifest_child c JOIN holder h ON c.child_id = h.id)
     SELECT 1 FROM holder h JOIN tag t ON t.manifest_id = h.id
      WHERE t.is_current = 1 AND (t.lifetime_end_ms IS NULL OR t.lifetime_end_ms > ?) LIMIT 1`,
    [manifest.id, nowMs],
  );
  return holders.length > 0 ? manifest : null;
}

/** Bodies of indexes by manifest id; an index is small. */
export async function indexBodies(
  manager: EntityManager,
  manifestIds: number[],
): Promise<Map<number, Buffer>> {
  if (manifestIds.length === 0) return new Map();
  const rows = await manager.query<
    {
      id: unknown;
      body: Buffer;
    }[]
  >('SELECT id, body FROM manifest WHERE id IN (?)', [manifestIds]);
  return new Map(rows.map((row) => [Number(row.id), row.body]));
}
