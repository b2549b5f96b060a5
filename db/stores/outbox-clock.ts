import type { DataSource } from 'typeorm';
import { In, IsNull, MoreThan } from 'typeorm';

import { OutboxRow } from '../entities/outbox';

/** Longer than any pause or claim of the relay: what lies further ahead was written before the clock was set back. */
const FAR_MS = 5 * 60_000;

/** Makes rows due that a clock which has since been set back put off for hours; how many there were. */
export async function dueFromFuture(dataSource: DataSource, nowMs: number): Promise<number> {
  const waiting = { deliveredAtMs: IsNull(), parkedAtMs: IsNull() };
  const far = MoreThan(nowMs + FAR_MS);
  // Read without a lock first: mostly there is nothing, and then nobody is disturbed.
  const rows = await dataSource.manager.find(OutboxRow, {
    select: { id: true },
    where: [
      { ...waiting, availableAtMs: far },
      { ...waiting, claimedUntilMs: far },
    ],
    take: 1000,
  });
  if (rows.length === 0) return 0;
  const ids = In(rows.map(({ id }) => id));
  await dataSource.manager.update(OutboxRow, { id: ids, availableAtMs: far }, { availableAtMs: nowMs });
  await dataSource.manager.update(OutboxRow, { id: ids, claimedUntilMs: far }, { claimedUntilMs: null });
  return rows.length;
}
