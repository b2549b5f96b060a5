import { Tag } from '../../db/entities/content';
import { lockCurrentTag } from '../../db/stores/tags';
import type { Act } from '../act';
import { ActError } from '../act-error';
import { endSiblings, endTag, isAliveAt } from './end-tag';

export interface TagTarget {
  repositoryId: number;
  name: string;
  manifestId: number;
  /** In the algorithm that the tag is put with (registry spec 18.1). */
  digest: string;
  /** From the manifest's expiry label; null leaves an unchanged tag's end alone and gives a new one none. */
  lifetimeMs: number | null;
  isReversion?: boolean;
}

export interface TagChange {
  /** What the tag named until now; null when it was not alive. */
  previousDigest: string | null;
  changed: boolean;
  /** Null: never. */
  lifetimeEndMs: number | null;
}

/**
 * Points a tag at a manifest: the live lifetime ends now, a new one starts now; the same digest keeps its lifetime and
 * only has its expiry reckoned anew (registry spec 5.2). What it leaves behind loses its siblings with its last tag. The
 * repository is locked by the caller.
 */
export async function setTag(act: Act, target: TagTarget): Promise<TagChange> {
  const { repositoryId, name, manifestId, digest } = target;
  const current = await lockCurrentTag(act.manager, repositoryId, name);
  const isAlive = current !== null && isAliveAt(current, act.nowMs);
  const lifetimeEndMs = target.lifetimeMs === null ? null : act.nowMs + target.lifetimeMs;
  if (isAlive && current.manifestId === manifestId && current.digest === digest) {
    const keepsEnd = lifetimeEndMs === null || current.immutable;
    if (!keepsEnd) await act.manager.update(Tag, { id: current.id }, { lifetimeEndMs });
    const endMs = keepsEnd ? current.lifetimeEndMs : lifetimeEndMs;
    return { previousDigest: digest, changed: false, lifetimeEndMs: endMs };
  }
  if (isAlive && current.immutable) throw immutableTag(name);
  if (current) await endTag(act, current);
  // The act read its clock before it waited for the repository: one that came first may have a later time.
  const lifetimeStartMs = Math.max(act.nowMs, current?.lifetimeStartMs ?? 0);
  await act.manager.insert(Tag, {
    repositoryId,
    name,
    manifestId,
    digest,
    lifetimeStartMs,
    lifetimeEndMs,
    isCurrent: true,
    reversion: target.isReversion ?? false,
  });
  if (current) await endSiblings(act, current.manifestId);
  return { previousDigest: isAlive ? current.digest : null, changed: true, lifetimeEndMs };
}

export function immutableTag(name: string): ActError {
  return new ActError('conflict', `tag "${name}" is immutable`, 'tag');
}
