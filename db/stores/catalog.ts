import type { PreparedPool } from '../pool';
import { statementLimit } from '../pool';

/** `namespace/name` of the repositories that an enabled account may read by a grant, in ASCII order behind `last`. */
export async function readableRepositoryNames(
  pool: PreparedPool,
  accountId: number,
  { last, limit }: { last: string; limit: number },
): Promise<string[]> {
  const rows = await pool.select<{ path: string }>(
    `SELECT CONCAT(ns.name, '/', r.name) AS path
       FROM repository r
       JOIN account ns ON ns.id = r.namespace_id AND ns.enabled = 1
       JOIN account me ON me.id = ? AND me.enabled = 1
      WHERE r.state <> 'MARKED_FOR_DELETION' AND CONCAT(ns.name, '/', r.name) > ?
        AND (me.kind <> 'robot' OR me.owner_id = ns.id)
        AND (ns.id = me.id
          OR EXISTS (SELECT 1 FROM repository_permission p WHERE p.repository_id = r.id AND p.account_id = me.id)
          OR EXISTS (SELECT 1 FROM team_member m JOIN team t ON t.id = m.team_id AND t.organization_id = ns.id
               WHERE m.account_id = me.id AND (t.role = 'admin' OR EXISTS (
                 SELECT 1 FROM repository_permission p WHERE p.repository_id = r.id AND p.team_id = t.id))))
      ORDER BY path LIMIT ${statementLimit(limit)}`,
    [accountId, last],
  );
  return rows.slice(0, limit).map((row) => row.path);
}
