import { Tag } from '../../db/entities/content';
import { findParentDigest } from '../../db/stores/manifests';
import { hasOrdinaryTag, lockSiblings } from '../../db/stores/tags';
import type { Act } from '../act';

/** Ends a lifetime that its row still calls current; one that ran out keeps the end that it had. */
export async function endTag(act: Act, tag: Tag): Promise<void> {
  const lifetimeEndMs = isAliveAt(tag, act.nowMs)
    ? Math.max(act.nowMs, tag.lifetimeStartMs)
    : tag.lifetimeEndMs;
  await act.manager.update(Tag, { id: tag.id }, { lifetimeEndMs, isCurrent: null });
}

export function isAliveAt(tag: Pick<Tag, 'lifetimeEndMs'>, nowMs: number): boolean {
  return tag.lifetimeEndMs === null || tag.lifetimeEndMs > nowMs;
}

/**
 * After a tag of a manifest has ended: ends the signatures, attestations and bills of materials that are kept as tags beside
 * the manifest (lifecycle spec 1), and what is kept beside those, unless another tag or an index still leads to it. Immutable
 * ones stay. The repository is locked by the caller. Answers what it ended.
 */
export async function endSiblings(act: Act, manifestId: number): Promise<Tag[]> {
  const ended: Tag[] = [];
  const left = [manifestId];
  for (let id = left.pop(); id !== undefined; id = left.pop()) {
    if (await hasOrdinaryTag(act.manager, id, act.nowMs)) continue;
    if ((await findParentDigest(act.manager, id)) !== undefined) continue;
    for (const sibling of await lockSiblings(act.manager, id)) {
      if (sibling.immutable || !isAliveAt(sibling, act.nowMs)) continue;
      await endTag(act, sibling);
      ended.push(sibling);
      left.push(sibling.manifestId);
    }
  }
  return ended;
}
