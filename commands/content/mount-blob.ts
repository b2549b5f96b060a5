import { repositoryAccess } from '../../auth/access';
import type { ReadableLink } from '../../db/stores/blobs';
import { holdBlob, lockReadableLink, repositoriesWithBlob, reviveBlobs } from '../../db/stores/blobs';
import type { RepositoryPath } from '../../model/names';
import type { Act } from '../act';
import { runAct } from '../act';
import type { Pusher } from './pusher';
import type { ContentDeps } from './content-deps';
import { openForPush } from './push-gate';

/** Where an anonymous mount looks at most. */
const SOURCES_LOOKED_AT = 20;

export interface Mount {
  digest: string;
  /** Null lets us look for a repository that the caller may pull from. */
  from: RepositoryPath | null;
}

/**
 * Links a blob of another repository to this one, with a hold; false when there is none that the caller may read. Decided
 * from the identity, not from the scopes of its token (registry spec 4.2 and 18.11).
 */
export function mountBlob(
  deps: ContentDeps,
  pusher: Pusher,
  path: RepositoryPath,
  { digest, from }: Mount,
): Promise<boolean> {
  return runAct(deps, pusher.actor, async (act) => {
    const target = await openForPush(act, deps, pusher, { path, lock: 'share' });
    const sources = from ? [from] : await repositoriesWithBlob(act.manager, digest, SOURCES_LOOKED_AT);
    for (const source of sources) {
      const blob = await readableBlob(act, deps, pusher, { digest, source });
      if (!blob) continue;
      const { blobId } = blob;
      // Only then: many mounts of one blob share its lock, and an update would make them wait for each other.
      if (blob.state === 'candidate') await reviveBlobs(act.manager, [blobId]);
      const holdUntilMs = act.nowMs + deps.contentHoldMs;
      await holdBlob(act.manager, { repositoryId: target.id, blobId, holdUntilMs });
      return true;
    }
    return false;
  });
}

async function readableBlob(
  act: Act,
  deps: ContentDeps,
  pusher: Pusher,
  { digest, source }: { digest: string; source: RepositoryPath },
): Promise<ReadableLink | undefined> {
  const options = { policy: deps.policy, nowMs: act.nowMs };
  const access = await repositoryAccess(act.manager, pusher.identity, source, options);
  if (!access.repository || !access.role || !access.namespace?.enabled) return undefined;
  return lockReadableLink(act.manager, access.repository.id, digest, { nowMs: act.nowMs, mode: 'share' });
}
