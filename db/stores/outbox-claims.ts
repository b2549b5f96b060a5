import type { DataSource, EntityManager } from 'typeorm';
import { In, IsNull } from 'typeorm';

import { OutboxRow } from '../entities/outbox';

export interface OutboxClaim {
  nowMs: number;
  /** The key after which to look; empty for the first. */
  afterKey: string;
  /** How many keys at most. */
  maxRuns: number;
  /** How many rows of one key at most. */
  maxRows: number;
  /** How long nobody else may take them. */
  claimMs: number;
}

export interface ClaimedRuns {
  /** Consecutive rows of one key each, from its oldest waiting row on; never empty. */
  runs: OutboxRow[][];
  /** Where to go on; null when there is no key behind. */
  nextKey: string | null;
  /** Ids of rows that nobody can read; they are parked, and what follows is looked at next. */
  unreadable?: number[];
}

/** How many waiting rows one look takes in; keeps its cost the same whatever is waiting. */
const LOOK_ROWS = 200;

/** Written out, because a relay with nothing to do asks this all the time. */
const LOOK = `SELECT id, ordering_key AS orderingKey, claimed_until_ms AS claimedUntilMs, available_at_ms AS availableAtMs
  FROM outbox FORCE INDEX (outbox_waiting)
  WHERE delivered_at_ms IS NULL AND parked_at_ms IS NULL AND ordering_key > ?
  ORDER BY ordering_key, id LIMIT ${LOOK_ROWS}`;

type WaitingRow = Pick<OutboxRow, 'id' | 'orderingKey' | 'claimedUntilMs' | 'availableAtMs'>;

/**
 * Claims runs of rows in the order of their keys, so that the cost does not depend on how much waits and no key holds up
 * another. Whoever holds the oldest waiting row of a key holds the key. READ COMMITTED, because the gap locks of
 * REPEATABLE READ would block every insert (temporal spec 9).
 */
export async function claimRuns(dataSource: DataSource, claim: OutboxClaim): Promise<ClaimedRuns> {
  // Without locks, outside any transaction: with nothing waiting this is all that a look costs.
  const seen = await dataSource.query<WaitingRow[]>(LOOK, [claim.afterKey]);
  const { candidates, nextKey } = chooseRuns(seen, claim);
  if (candidates.length === 0) return { runs: [], nextKey };
  try {
    const runs = await dataSource.transaction('READ COMMITTED', (manager) =>
      takeRuns(manager, candidates, claim),
    );
    return { runs, nextKey };
  } catch (error) {
    // Also the sign of a payload that is no JSON, which must not hold up the rows beside it.
    if (!(error instanceof SyntaxError)) throw error;
    const unreadable = await parkUnreadable(dataSource, candidates.flat(), claim.nowMs);
    if (unreadable.length === 0) throw error;
    return { runs: [], nextKey: claim.afterKey, unreadable };
  }
}

async function parkUnreadable(dataSource: DataSource, ids: number[], nowMs: number): Promise<number[]> {
  const rows = await dataSource.query<{ id: string | number; payload: string }[]>(
    'SELECT id, payload FROM outbox WHERE id IN (?)',
    [ids],
  );
  const unreadable: number[] = [];
  for (const { id, payload } of rows) {
    const reason = whyUnreadable(payload);
    if (reason === undefined) continue;
    unreadable.push(Number(id));
    const lastError = `the payload cannot be read: ${reason}`.slice(0, 4096);
    await dataSource.manager.update(OutboxRow, { id: Number(id) }, { lastError, parkedAtMs: nowMs });
  }
  return unreadable;
}

function whyUnreadable(payload: string): string | undefined {
  try {
    JSON.parse(payload);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

function chooseRuns(
  seen: WaitingRow[],
  { nowMs, maxRuns, maxRows }: OutboxClaim,
): { candidates: number[][]; nextKey: string | null } {
  const byKey = new Map<string, WaitingRow[]>();
  for (const row of seen) {
    const run = byKey.get(row.orderingKey);
    if (run) run.push(row);
    else byKey.set(row.orderingKey, [row]);
  }
  const candidates: number[][] = [];
  for (const [key, run] of byKey) {
    if (run[0] && isFree(run[0], nowMs)) candidates.push(run.slice(0, maxRows).map((row) => row.id));
    if (candidates.length === maxRuns) return { candidates, nextKey: key };
  }
  const lastKey = seen.length < LOOK_ROWS ? null : (seen.at(-1)?.orderingKey ?? null);
  return { candidates, nextKey: lastKey };
}

/** Only the oldest rows are locked: nobody touches the others of a key without holding its oldest. */
async function takeRuns(
  manager: EntityManager,
  candidates: number[][],
  { nowMs, claimMs }: OutboxClaim,
): Promise<OutboxRow[][]> {
  const heads = await manager
    .createQueryBuilder(OutboxRow, 'o')
    // By id alone, so that no other rows are met, and locked, on the way to these.
    .where({ id: In(candidates.map(([head]) => head)) })
    .setLock('pessimistic_write')
    .setOnLocked('skip_locked')
    .getMany();
  const free = new Set(
    heads
      .filter((row) => row.deliveredAtMs === null && row.parkedAtMs === null && isFree(row, nowMs))
      .map((row) => row.id),
  );
  const taken = candidates.filter(([head]) => head !== undefined && free.has(head));
  const ids = taken.flat();
  if (ids.length === 0) return [];
  await manager.update(OutboxRow, { id: In(ids) }, { claimedUntilMs: nowMs + claimMs });
  const rows = new Map((await manager.findBy(OutboxRow, { id: In(ids) })).map((row) => [row.id, row]));
  return taken.map((run) => run.map((id) => rows.get(id)).filter((row) => row !== undefined));
}

function isFree({ claimedUntilMs, availableAtMs }: WaitingRow, nowMs: number): boolean {
  return Number(availableAtMs) <= nowMs && (claimedUntilMs === null || Number(claimedUntilMs) < nowMs);
}

/** Temporal has them; whose claim it was does not matter any more. */
export async function markDelivered(dataSource: DataSource, ids: number[], nowMs: number): Promise<void> {
  await dataSource.manager.update(
    OutboxRow,
    { id: In(ids), deliveredAtMs: IsNull() },
    { deliveredAtMs: nowMs, claimedUntilMs: null, lastError: null },
  );
}

/** Gives claimed rows back, those that nobody else has claimed since. */
export async function releaseRows(dataSource: DataSource, rows: OutboxRow[]): Promise<void> {
  const [first] = rows;
  if (!first) return;
  await dataSource.manager.update(
    OutboxRow,
    { id: In(rows.map((row) => row.id)), claimedUntilMs: first.claimedUntilMs },
    { claimedUntilMs: null },
  );
}

export interface Refusal {
  attempts: number;
  error: string;
  availableAtMs: number;
  /** Set when this was the last attempt: the row stays for an operator and no longer heads its key. */
  parkedAtMs: number | null;
}

/** Writes down why a claimed row was refused, unless somebody else has claimed it since. */
export async function markRefused(dataSource: DataSource, row: OutboxRow, refusal: Refusal): Promise<void> {
  const { attempts, error, availableAtMs, parkedAtMs } = refusal;
  await dataSource.manager.update(
    OutboxRow,
    { id: row.id, claimedUntilMs: row.claimedUntilMs },
    { attempts, lastError: error, availableAtMs, parkedAtMs, claimedUntilMs: null },
  );
}
