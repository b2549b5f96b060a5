import type { EntityManager } from 'typeorm';
import { IsNull, MoreThan } from 'typeorm';

import { ServiceKey } from '../entities/accounts';

/** The keys that have not expired, newest first. */
export async function serviceKeys(manager: EntityManager, nowMs: number): Promise<ServiceKey[]> {
  return manager.find(ServiceKey, {
    where: [{ expiresAtMs: IsNull() }, { expiresAtMs: MoreThan(nowMs) }],
    order: { id: 'DESC' },
  });
}

/** Of several processes that start at once, one writes row 1 and all others leave it alone. */
export async function insertFirstServiceKey(
  manager: EntityManager,
  key: Pick<ServiceKey, 'kid' | 'publicJwk' | 'privatePem' | 'createdAtMs'>,
): Promise<void> {
  await manager
    .createQueryBuilder()
    .insert()
    .into(ServiceKey)
    .values({ ...key, id: 1 })
    .orIgnore()
    .execute();
}
