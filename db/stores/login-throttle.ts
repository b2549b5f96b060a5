import type { EntityManager } from 'typeorm';
import { LessThanOrEqual } from 'typeorm';

import type { FloodLimit, LoginBackoff } from '../../model/login-throttle';
import { floodCapacityMs } from '../../model/login-throttle';
import { LoginBackoffRow, LoginFloodRow } from '../entities/logins';
import { repeatOnLockConflict } from '../lock-conflict';

/** Who is tried, and where from. */
export interface LoginAttempt {
  subject: string;
  address: string;
}

interface LoginCounters {
  backoff: LoginBackoff | null;
  subjectDrainedAtMs: number | null;
  addressDrainedAtMs: number | null;
}

type CountersRow = Record<keyof LoginBackoff | 'subjectDrainedAtMs' | 'addressDrainedAtMs', unknown>;

/** All three counters of an attempt in one statement: every sign-in by password pays for it. */
export async function findLoginCounters(
  manager: EntityManager,
  { subject, address }: LoginAttempt,
): Promise<LoginCounters> {
  const [row] = await manager.query<CountersRow[]>(
    `SELECT b.failures, b.blocked_until_ms AS blockedUntilMs, b.expires_at_ms AS expiresAtMs,
       (SELECT drained_at_ms FROM login_flood WHERE scope = ?) AS subjectDrainedAtMs,
       (SELECT drained_at_ms FROM login_flood WHERE scope = ?) AS addressDrainedAtMs
     FROM (SELECT 1) AS one LEFT JOIN login_backoff b ON b.subject = ? AND b.address = ?`,
    [subject, address, subject, address],
  );
  if (!row) throw new Error('the counters of an attempt are one row');
  const { failures, blockedUntilMs, expiresAtMs } = row;
  return {
    backoff:
      failures === null
        ? null
        : {
            failures: Number(failures),
            blockedUntilMs: Number(blockedUntilMs),
            expiresAtMs: Number(expiresAtMs),
          },
    subjectDrainedAtMs: numberOrNull(row.subjectDrainedAtMs),
    addressDrainedAtMs: numberOrNull(row.addressDrainedAtMs),
  };
}

/** False when somebody else has written the row meanwhile: of all that know `from`, one wins. */
export async function replaceLoginBackoff(
  manager: EntityManager,
  attempt: LoginAttempt,
  { from, to }: { from: LoginBackoff; to: LoginBackoff },
): Promise<boolean> {
  const known = { failures: from.failures, blockedUntilMs: from.blockedUntilMs };
  const { affected } = await manager.update(LoginBackoffRow, { ...attempt, ...known }, to);
  return affected === 1;
}

/** False when there is a row already: of all that know none, one wins. */
export async function insertLoginBackoff(
  manager: EntityManager,
  { subject, address }: LoginAttempt,
  { failures, blockedUntilMs, expiresAtMs }: LoginBackoff,
): Promise<boolean> {
  const { affectedRows } = await repeatOnLockConflict(() =>
    manager.query<{ affectedRows: number }>(
      `INSERT IGNORE INTO login_backoff (subject, address, failures, blocked_until_ms, expires_at_ms)
       VALUES (?, ?, ?, ?, ?)`,
      [subject, address, failures, blockedUntilMs, expiresAtMs],
    ),
  );
  return affectedRows === 1;
}

/**
 * Counts one failure more; it never goes beyond what the limit holds, whatever comes at once. What lies further ahead than
 * was ever written is from before the clock was set back, and begins anew.
 */
export async function raiseLoginFlood(
  manager: EntityManager,
  scope: string,
  { limit, nowMs }: { limit: FloodLimit; nowMs: number },
): Promise<void> {
  const { forgivenEveryMs } = limit;
  const fullAtMs = nowMs + floodCapacityMs(limit);
  await repeatOnLockConflict(() =>
    manager.query(
      `INSERT INTO login_flood (scope, drained_at_ms) VALUES (?, ?)
       ON DUPLICATE KEY UPDATE
         drained_at_ms = LEAST(GREATEST(IF(drained_at_ms > ?, 0, drained_at_ms), ?) + ?, ?)`,
      [scope, nowMs + forgivenEveryMs, fullAtMs + forgivenEveryMs, nowMs, forgivenEveryMs, fullAtMs],
    ),
  );
}

export async function deleteLoginBackoff(manager: EntityManager, attempt: LoginAttempt): Promise<void> {
  await manager.delete(LoginBackoffRow, { ...attempt });
}

/** Everything that was counted against a subject, wherever it came from. */
export async function deleteLoginFailures(manager: EntityManager, subject: string): Promise<void> {
  await manager.delete(LoginBackoffRow, { subject });
  await manager.delete(LoginFloodRow, { scope: subject });
}

/** Drops at most `limit` rows of each kind that count for nothing any more; how many there were. */
export async function purgeLoginCounters(
  manager: EntityManager,
  nowMs: number,
  limit: number,
): Promise<number> {
  const forgotten = await manager.find(LoginBackoffRow, {
    select: { subject: true, address: true },
    where: { expiresAtMs: LessThanOrEqual(nowMs) },
    order: { expiresAtMs: 'ASC' },
    take: limit,
  });
  const drained = await manager.find(LoginFloodRow, {
    select: { scope: true },
    where: { drainedAtMs: LessThanOrEqual(nowMs) },
    order: { drainedAtMs: 'ASC' },
    take: limit,
  });
  // By its key, and only if it still counts for nothing: one statement, one row, so that no sign-in waits for many.
  for (const { subject, address } of forgotten) {
    await manager.delete(LoginBackoffRow, { subject, address, expiresAtMs: LessThanOrEqual(nowMs) });
  }
  for (const { scope } of drained) {
    await manager.delete(LoginFloodRow, { scope, drainedAtMs: LessThanOrEqual(nowMs) });
  }
  return forgotten.length + drained.length;
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}
