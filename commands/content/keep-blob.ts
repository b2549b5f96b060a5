import { extendHold, lockBlobById, reviveBlobs } from '../../db/stores/blobs';
import { runAct, SYSTEM } from '../act';
import type { ContentDeps } from './content-deps';

/**
 * Holds a linked blob for a push that is about to name it, and takes it back from garbage collection where that had it in
 * view (performance spec 9); false when it is too late for that, or the link is gone.
 */
export function keepBlob(
  deps: ContentDeps,
  { repositoryId, blobId }: { repositoryId: number; blobId: number },
): Promise<boolean> {
  return runAct(deps, SYSTEM, async (act) => {
    const blob = await lockBlobById(act.manager, blobId);
    if (!blob || blob.state === 'deleting') return false;
    await reviveBlobs(act.manager, [blobId]);
    return extendHold(act.manager, { repositoryId, blobId, holdUntilMs: act.nowMs + deps.contentHoldMs });
  });
}
