import type { Visibility } from '../../model/roles';
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

const PATH = `CONCAT(ns.name, '/', r.name)`;
const FROM = `FROM repository r
       JOIN account ns ON ns.id = r.namespace_id AND ns.enabled = 1
       LEFT JOIN account me ON me.id = ? AND me.enabled = 1
      WHERE r.state <> 'MARKED_FOR_DELETION'`;

/** The condition by which a view has a repository; undefined for one that has none. */
function isInView({ accountId, everything, includesPublic }: CatalogView): string | undefined {
  const ways = [
    ...(everything ? ['1 = 1'] : []),
    ...(includesPublic ? [`r.visibility = 'public'`] : []),
    ...(accountId === null ? [] : [BY_GRANT]),
  ];
  return ways.length === 0 ? undefined : `(${ways.map((way) => `(${way})`).join(' OR ')})`;
}

/** `namespace/name` of the repositories of a view, in ASCII order behind `last`. */
export async function catalogNames(
  pool: PreparedPool,
  view: CatalogView,
  { last, limit }: { last: string; limit: number },
): Promise<string[]> {
  const condition = isInView(view);
  if (condition === undefined) return [];
  const rows = await pool.select<{ path: string }>(
    `SELECT ${PATH} AS path ${FROM} AND ${PATH} > ? AND ${condition}
      ORDER BY path LIMIT ${statementLimit(limit)}`,
    [view.accountId, last],
  );
  return rows.slice(0, limit).map(({ path }) => path);
}

export interface FoundRepository {
  /** `namespace/name` */
  path: string;
  description: string | null;
  visibility: Visibility;
}

/** The repositories of a view with the text in `namespace/name`, in ASCII order. */
export async function searchCatalog(
  pool: PreparedPool,
  view: CatalogView,
  { text, limit, offset }: { text: string; limit: number; offset: number },
): Promise<FoundRepository[]> {
  const condition = isInView(view);
  if (condition === undefined) return [];
  return pool.select<FoundRepository>(
    `SELECT ${PATH} AS path, r.description, r.visibility ${FROM} AND LOCATE(?, ${PATH}) > 0 AND ${condition}
      ORDER BY path LIMIT ? OFFSET ?`,
    [view.accountId, text, String(limit), String(offset)],
  );
}
