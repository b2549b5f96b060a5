import type { EntityManager } from 'typeorm';
import { Between, IsNull, LessThanOrEqual, MoreThan } from 'typeorm';

import { AppToken } from '../entities/accounts';

/** Those of a user that have not expired, newest first; `expiringUntilMs` leaves only those that will by then. */
export async function listAppTokens(
  manager: EntityManager,
  accountId: number,
  { nowMs, expiringUntilMs }: { nowMs: number; expiringUntilMs?: number },
): Promise<AppToken[]> {
  const own = { accountId };
  return manager.find(AppToken, {
    where:
      expiringUntilMs === undefined
        ? live(own, nowMs)
        : { ...own, expiresAtMs: Between(nowMs + 1, expiringUntilMs) },
    order: { id: 'DESC' },
  });
}

/** One of a user's that has not expired. */
export async function findAppToken(
  manager: EntityManager,
  { accountId, uuid }: Pick<AppToken, 'accountId' | 'uuid'>,
  nowMs: number,
): Promise<AppToken | null> {
  return manager.findOne(AppToken, { where: live({ accountId, uuid }, nowMs) });
}

/** Drops at most `limit` tokens that expired before `beforeMs`; how many there were. */
export async function purgeAppTokens(
  manager: EntityManager,
  beforeMs: number,
  limit: number,
): Promise<number> {
  const expired = await manager.find(AppToken, {
    select: { id: true },
    where: { expiresAtMs: LessThanOrEqual(beforeMs) },
    order: { expiresAtMs: 'ASC' },
    take: limit,
  });
  for (const { id } of expired) await manager.delete(AppToken, { id });
  return expired.length;
}

function live<Where extends object>(where: Where, nowMs: number) {
  return [
    { ...where, expiresAtMs: IsNull() },
    { ...where, expiresAtMs: MoreThan(nowMs) },
  ];
}
