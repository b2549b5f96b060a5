import type { EntityManager } from 'typeorm';

import { BellNotification } from '../entities/notifications';

export interface BellEntry extends BellNotification {
  /** Null for what concerns the user alone. */
  organization: string | null;
}

const TARGETS = `(b.target_id = ? OR EXISTS (
  SELECT 1 FROM team_member m JOIN team t ON t.id = m.team_id
   WHERE m.account_id = ? AND t.organization_id = b.target_id AND t.role = 'admin'))`;

/** What nobody dismissed yet, newest first: the user's own and that of organizations the user administers. */
export async function listBell(
  manager: EntityManager,
  accountId: number,
  { limit, offset }: { limit: number; offset: number },
): Promise<BellEntry[]> {
  const rows = await manager.query<TargetRow[]>(
    `SELECT b.id, account.name, account.kind FROM bell_notification b JOIN account ON account.id = b.target_id
      WHERE b.dismissed = 0 AND ${TARGETS} ORDER BY b.id DESC LIMIT ? OFFSET ?`,
    [accountId, accountId, limit, offset],
  );
  return withTargets(manager, rows);
}

/** One entry of the same set, dismissed or not. */
export async function findBellEntry(
  manager: EntityManager,
  accountId: number,
  uuid: string,
): Promise<BellEntry | undefined> {
  const rows = await manager.query<TargetRow[]>(
    `SELECT b.id, account.name, account.kind FROM bell_notification b JOIN account ON account.id = b.target_id
      WHERE b.uuid = ? AND ${TARGETS}`,
    [uuid, accountId, accountId],
  );
  return (await withTargets(manager, rows))[0];
}

interface TargetRow {
  id: unknown;
  name: string;
  kind: string;
}

async function withTargets(manager: EntityManager, rows: TargetRow[]): Promise<BellEntry[]> {
  const entries: BellEntry[] = [];
  for (const { id, name, kind } of rows) {
    const entry = await manager.findOneByOrFail(BellNotification, { id: Number(id) });
    entries.push({ ...entry, organization: kind === 'organization' ? name : null });
  }
  return entries;
}
