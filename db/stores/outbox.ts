import type { DataSource } from 'typeorm';

import { OutboxRow } from '../entities/outbox';

export interface OutboxState {
  waiting: number;
  parked: number;
  /** Commit time of the oldest row that is neither delivered nor parked. */
  oldestWaitingMs: number | null;
}

/** Counts in the index and reads one row, so that it may be asked for often. */
export async function outboxState(dataSource: DataSource): Promise<OutboxState> {
  const row = await dataSource.manager
    .createQueryBuilder(OutboxRow, 'o')
    .select('SUM(o.parkedAtMs IS NULL)', 'waiting')
    .addSelect('SUM(o.parkedAtMs IS NOT NULL)', 'parked')
    .addSelect('MIN(CASE WHEN o.parkedAtMs IS NULL THEN o.id END)', 'oldestId')
    .useIndex('outbox_waiting')
    .where('o.deliveredAtMs IS NULL')
    .getRawOne<{ waiting: string | null; parked: string | null; oldestId: string | number | null }>();
  const id = row?.oldestId ? Number(row.oldestId) : null;
  const oldest =
    id === null
      ? null
      : await dataSource.manager.findOne(OutboxRow, {
          select: { id: true, createdAtMs: true },
          where: { id },
        });
  return {
    waiting: Number(row?.waiting ?? 0),
    parked: Number(row?.parked ?? 0),
    oldestWaitingMs: oldest?.createdAtMs ?? null,
  };
}

/** Deletes at most `limit` rows that were delivered before `beforeMs`; how many there were. */
export async function purgeDelivered(
  dataSource: DataSource,
  beforeMs: number,
  limit: number,
): Promise<number> {
  return dataSource.transaction('READ COMMITTED', async (manager) => {
    const rows = await manager
      .createQueryBuilder(OutboxRow, 'o')
      .select(['o.id'])
      .where('o.deliveredAtMs < :beforeMs', { beforeMs })
      .orderBy('o.deliveredAtMs')
      .limit(limit)
      .getMany();
    if (rows.length > 0) {
      await manager.delete(
        OutboxRow,
        rows.map((row) => row.id),
      );
    }
    return rows.length;
  });
}
