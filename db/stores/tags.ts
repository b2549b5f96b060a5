import type { EntityManager } from 'typeorm';
import { In } from 'typeorm';

import { siblingTagsOf, SIBLING_PATTERN } from '../../model/sibling-tags';
import { Account } from '../entities/accounts';
import { Manifest, Tag } from '../entities/content';

/** The newest lifetime of a name, alive or run out, locked; null after an explicit end and before the first. */
export async function lockCurrentTag(
  manager: EntityManager,
  repositoryId: number,
  name: string,
): Promise<Tag | null> {
  return manager.findOne(Tag, {
    where: { repositoryId, name, isCurrent: true },
    lock: { mode: 'pessimistic_write' },
  });
}

/** The lifetimes that are still current on a manifest, locked in id order. */
export async function lockTagsOfManifest(manager: EntityManager, manifestId: number): Promise<Tag[]> {
  return manager.find(Tag, {
    where: { manifestId, isCurrent: true },
    order: { id: 'ASC' },
    lock: { mode: 'pessimistic_write' },
  });
}

/** Whether a live tag that is nobody's sibling names the manifest. */
export async function hasOrdinaryTag(
  manager: EntityManager,
  manifestId: number,
  nowMs: number,
): Promise<boolean> {
  const rows = await manager.query<unknown[]>(
    `SELECT 1 FROM tag WHERE manifest_id = ? AND is_current = 1
        AND (lifetime_end_ms IS NULL OR lifetime_end_ms > ?) AND name NOT REGEXP ? LIMIT 1`,
    [manifestId, nowMs, SIBLING_PATTERN],
  );
  return rows.length > 0;
}

/** The tags beside a manifest that hold what belongs to it, locked in id order. */
export async function lockSiblings(manager: EntityManager, manifestId: number): Promise<Tag[]> {
  const { repositoryId, digest } = await manager.findOneOrFail(Manifest, {
    select: { id: true, repositoryId: true, digest: true },
    where: { id: manifestId },
  });
  return manager.find(Tag, {
    where: { repositoryId, name: In(siblingTagsOf(digest)), isCurrent: true },
    order: { id: 'ASC' },
    lock: { mode: 'pessimistic_write' },
  });
}

/** True while a lifetime of this name on the manifest, dead or alive, has not left the time machine's window. */
export async function isTagHistory(
  manager: EntityManager,
  where: { repositoryId: number; name: string; manifestId: number },
  endedAfterMs: number,
): Promise<boolean> {
  const rows = await manager.query<unknown[]>(
    `SELECT 1 FROM tag WHERE repository_id = ? AND name = ? AND manifest_id = ?
        AND (lifetime_end_ms IS NULL OR lifetime_end_ms > ?) LIMIT 1`,
    [where.repositoryId, where.name, where.manifestId, endedAfterMs],
  );
  return rows.length > 0;
}

/** How long a namespace remembers ended tags, in milliseconds (lifecycle spec 1.2). */
export async function findTagWindowMs(manager: EntityManager, namespaceId: number): Promise<number> {
  const namespace = await manager.findOneOrFail(Account, {
    select: { id: true, tagExpirationMs: true },
    where: { id: namespaceId },
  });
  return namespace.tagExpirationMs;
}
