import type { EntityManager } from 'typeorm';

import type { BuildPhase } from '../../model/phases';
import { Build } from '../entities/builds';
import { RepositoryToken } from '../entities/repositories';

export interface TokenWithBuild {
  token: RepositoryToken;
  /** Phase of the build whose life bounds the token; null when no build does. */
  buildPhase: BuildPhase | null;
}

/**
 * One repository token by its code or uuid. `lock` (by uuid) keeps it from being revoked until the transaction ends: whoever
 * revokes it waits, or is seen.
 */
export async function findRepositoryToken(
  manager: EntityManager,
  where: { code: string } | { uuid: string },
  { lock = false }: { lock?: boolean } = {},
): Promise<TokenWithBuild | undefined> {
  // TypeORM would write FOR SHARE, which MariaDB does not know. A column outside the index makes InnoDB lock the row
  // itself: with the id alone it would lock the entry of the index only, which a revocation does not touch.
  if (lock && 'uuid' in where) {
    await manager.query(`SELECT revoked_at_ms FROM repository_token WHERE uuid = ? LOCK IN SHARE MODE`, [
      where.uuid,
    ]);
  }
  const token = await manager.findOneBy(RepositoryToken, where);
  if (!token) return undefined;
  if (token.buildUuid === null) return { token, buildPhase: null };
  const build = await manager.findOne(Build, {
    select: { id: true, phase: true },
    where: { uuid: token.buildUuid },
  });
  return { token, buildPhase: build?.phase ?? 'cancelled' };
}
