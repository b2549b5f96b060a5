import type { DataSource } from 'typeorm';

import { OutboxRow } from '../entities/outbox';

export interface OutboxClaim {
  nowMs: number;
  /** How many rows at most. */
  limit: number;
  /** How long nobody else may take them; longer than a delivery can last. */
  claimMs: number;
}

/**
 * Claims the heads of the keys that are due, oldest first: at most one row per ordering key, and none of a key whose
 * head is claimed. READ COMMITTED, because the gap locks of REPEATABLE READ would block every insert (temporal spec 9).
 */
export async function claimDueRows(dataSource: DataSource, claim: OutboxClaim): Promise<OutboxRow[]> {
  return dataSource.transaction('READ COMMITTED', async (manager) => {
    const rows = await manager
      .createQueryBuilder(OutboxRow, 'o')
      .where('o.deliveredAtMs IS NULL AND o.parkedAtMs IS NULL AND o.availableAtMs <= :nowMs', claim)
      .andWhere('(o.claimedUntilMs IS NULL OR o.claimedUntilMs < :nowMs)', claim)
      .andWhere(
        `NOT EXISTS (SELECT 1 FROM outbox e WHERE e.ordering_key = o.ordering_key
           AND e.delivered_at_ms IS NULL AND e.parked_at_ms IS NULL AND e.id < o.id)`,
      )
      // The order of the index: sorting would lock every due row before the limit applies.
      .orderBy('o.availableAtMs')
      .addOrderBy('o.id')
      .limit(claim.limit)
      .setLock('pessimistic_write')
      .setOnLocked('skip_locked')
      .getMany();
    if (rows.length > 0) {
      await manager.update(
        OutboxRow,
        rows.map((row) => row.id),
        { claimedUntilMs: claim.nowMs + claim.claimMs },
      );
    }
    return rows;
  });
}

export async function markDelivered(dataSource: DataSource, id: number, nowMs: number): Promise<void> {
  await dataSource.manager.update(
    OutboxRow,
    { id },
    { deliveredAtMs: nowMs, claimedUntilMs: null, lastError: null },
  );
}

/** Gives a claimed row back without counting an attempt, not to be taken before `availableAtMs`. */
export async function releaseRow(dataSource: DataSource, id: number, availableAtMs: number): Promise<void> {
  await dataSource.manager.update(OutboxRow, { id }, { availableAtMs, claimedUntilMs: null });
}

export interface Refusal {
  attempts: number;
  error: string;
  availableAtMs: number;
  /** Set when this was the last attempt: the row stays for an operator and no longer heads its key. */
  parkedAtMs: number | null;
}

export async function markRefused(dataSource: DataSource, id: number, refusal: Refusal): Promise<void> {
  const { attempts, error, availableAtMs, parkedAtMs } = refusal;
  await dataSource.manager.update(
    OutboxRow,
    { id },
    { attempts, lastError: error, availableAtMs, parkedAtMs, claimedUntilMs: null },
  );
}

export interface OutboxState {
  waiting: number;
  parked: number;
  /** Commit time of the oldest row that is neither delivered nor parked. */
  oldestWaitingMs: number | null;
}

export async function outboxState(dataSource: DataSource): Promise<OutboxState> {
  const row = await dataSource.manager
    .createQueryBuilder(OutboxRow, 'o')
    .select('SUM(o.parkedAtMs IS NULL)', 'waiting')
    .addSelect('SUM(o.parkedAtMs IS NOT NULL)', 'parked')
    .addSelect('MIN(CASE WHEN o.parkedAtMs IS NULL THEN o.createdAtMs END)', 'oldest')
    .where('o.deliveredAtMs IS NULL')
    .getRawOne<{ waiting: string | null; parked: string | null; oldest: string | null }>();
  return {
    waiting: Number(row?.waiting ?? 0),
    parked: Number(row?.parked ?? 0),
    oldestWaitingMs: row?.oldest ? Number(row.oldest) : null,
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
