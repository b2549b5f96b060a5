import type { PreparedPool } from '../pool';
import { statementLimit } from '../pool';

export interface CatalogView {
  /** Whose grants count while the account is enabled; null for nobody, who has none. */
  accountId: number | null;
  /** Whatever the grants: auditors, and superusers with full access. */
  everything: boolean;
  includesPublic: boolean;
}

const BY_GRANT = `me.id IS NOT NULL AND (me.kind <> 'robot' OR me.owner_id = ns.id)
        AND (ns.id = me.id
          OR EXISTS (SELECT 1 FROM repository_permission p WHERE p.repository_id = r.id AND p.account_id = me.id)
          OR EXISTS (SELECT 1 FROM team_member m JOIN team t ON t.id = m.team_id AND t.organization_id = ns.id
               WHERE m.account_id = me.id AND (t.role = 'admin' OR EXISTS (
                 SELECT 1 FROM repository_permission p WHERE p.repository_id = r.id AND p.team_id = t.id))))`;

/** `namespace/name` of the repositories of a view, in ASCII order behind `last`. */
export async function catalogNames(
  pool: PreparedPool,
  { accountId, everything, includesPublic }: CatalogView,
  { last, limit }: { last: string; limit: number },
): Promise<string[]> {
  const ways = [
    ...(everything ? ['1 = 1'] : []),
    ...(includesPublic ? [`r.visibility = 'public'`] : []),
    ...(accountId === null ? [] : [BY_GRANT]),
  ];
  if (ways.length === 0) return [];
  const rows = await pool.select<{ path: string }>(
    `SELECT CONCAT(ns.name, '/', r.name) AS path
       FROM repository r
       JOIN account ns ON ns.id = r.namespace_id AND ns.enabled = 1
       LEFT JOIN account me ON me.id = ? AND me.enabled = 1
      WHERE r.state <> 'MARKED_FOR_DELETION' AND CONCAT(ns.name, '/', r.name) > ?
        AND (${ways.map((way) => `(${way})`).join(' OR ')})
      ORDER BY path LIMIT ${statementLimit(limit)}`,
    [accountId, last],
  );
  return rows.slice(0, limit).map((row) => row.path);
}
