import type { EntityManager } from 'typeorm';

import type { RepositoryState, Visibility } from '../../model/roles';

export interface ListedRepository {
  id: number;
  namespace: string;
  name: string;
  description: string | null;
  visibility: Visibility;
  state: RepositoryState;
  /** Start of the newest live tag; null without one. */
  lastModifiedMs: number | null;
  /** Pushes and pulls since `activeSinceMs`. */
  actions: number;
}

export interface RepositoryListing {
  /** Whose rights count; null for nobody, whose rights are none. */
  accountId: number | null;
  /** Everything, whatever the rights: auditors, and superusers with full access. */
  everything: boolean;
  includePublic: boolean;
  namespace?: string;
  nowMs: number;
  activeSinceMs: number;
  /** Continues behind this id. */
  afterId: number;
  limit: number;
}

const READABLE = `(ns.id = ?
  OR EXISTS (SELECT 1 FROM repository_permission p WHERE p.repository_id = r.id AND p.account_id = ?)
  OR EXISTS (SELECT 1 FROM team_member m JOIN team t ON t.id = m.team_id AND t.organization_id = ns.id
      WHERE m.account_id = ? AND (t.role = 'admin' OR EXISTS (
        SELECT 1 FROM repository_permission p WHERE p.repository_id = r.id AND p.team_id = t.id))))`;

/** Repositories that an account may read, by id (api spec 6). */
export async function listRepositories(
  manager: EntityManager,
  listing: RepositoryListing,
): Promise<ListedRepository[]> {
  const visible: string[] = [];
  const values: unknown[] = [listing.nowMs, listing.activeSinceMs, listing.afterId];
  const conditions = [`r.id > ?`, `r.state <> 'MARKED_FOR_DELETION'`];
  if (listing.namespace !== undefined) {
    conditions.push('ns.name = ?');
    values.push(listing.namespace);
  }
  if (listing.everything) visible.push('1 = 1');
  if (listing.includePublic) visible.push(`r.visibility = 'public'`);
  if (listing.accountId !== null) {
    visible.push(READABLE);
    values.push(listing.accountId, listing.accountId, listing.accountId);
  }
  if (visible.length === 0) return [];
  const rows = await manager.query<ListedRepository[]>(
    `SELECT r.id, ns.name AS namespace, r.name, r.description, r.visibility, r.state,
       (SELECT MAX(t.lifetime_start_ms) FROM tag t WHERE t.repository_id = r.id AND t.is_current = 1
         AND (t.lifetime_end_ms IS NULL OR t.lifetime_end_ms > ?)) AS lastModifiedMs,
       (SELECT COUNT(*) FROM audit_log a WHERE a.repository_id = r.id AND a.created_at_ms > ?
         AND a.kind IN ('push_repo', 'pull_repo')) AS actions
     FROM repository r JOIN account ns ON ns.id = r.namespace_id
     WHERE ${conditions.join(' AND ')} AND (${visible.join(' OR ')}) ORDER BY r.id LIMIT ?`,
    [...values, listing.limit],
  );
  return rows.map((row) => ({
    ...row,
    id: Number(row.id),
    actions: Number(row.actions),
    lastModifiedMs: row.lastModifiedMs === null ? null : Number(row.lastModifiedMs),
  }));
}

/** Entries of the usage log for each UTC day that has any, as days since the epoch. */
export async function countActionsByDay(
  manager: EntityManager,
  repositoryId: number,
  sinceMs: number,
): Promise<Map<number, number>> {
  const rows = await manager.query<{ day: unknown; actions: unknown }[]>(
    `SELECT created_at_ms DIV 86400000 AS day, COUNT(*) AS actions FROM audit_log
      WHERE repository_id = ? AND created_at_ms >= ? GROUP BY day`,
    [repositoryId, sinceMs],
  );
  return new Map(rows.map((row) => [Number(row.day), Number(row.actions)]));
}
