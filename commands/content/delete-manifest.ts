import { Manifest, RepositoryBlob } from '../../db/entities/content';
import { isBlobInUse, lockReadableLink } from '../../db/stores/blobs';
import { findManifest, findParentDigest } from '../../db/stores/manifests';
import { lockTagsOfManifest } from '../../db/stores/tags';
import type { RepositoryPath } from '../../model/names';
import { runAct } from '../act';
import { ActError } from '../act-error';
import { endSiblings, endTag } from './end-tag';
import type { Pusher } from './pusher';
import type { GuardedDeps } from '../caller';
import { openForWrite } from './push-gate';
import { immutableTag } from './set-tag';
import { auditEnded } from './tags';

/** Deletes by digest: every tag on it ends and readers find it gone at once; its rows and bytes are collected later. */
export function deleteManifest(
  deps: GuardedDeps,
  pusher: Pusher,
  path: RepositoryPath,
  digest: string,
): Promise<void> {
  return runAct(deps, pusher.actor, async (act) => {
    const repository = await openForWrite(act, deps, pusher, { path, lock: 'update' });
    const manifest = await findManifest(act.manager, repository.id, digest);
    if (!manifest || manifest.deletedAtMs !== null) {
      throw new ActError('not-found', `there is no manifest "${digest}" in this repository`, 'manifest');
    }
    const parent = await findParentDigest(act.manager, manifest.id);
    if (parent !== undefined) {
      throw new ActError(
        'conflict',
        `the index "${parent}" names this manifest: delete that first`,
        'manifest',
      );
    }
    const tags = await lockTagsOfManifest(act.manager, manifest.id);
    for (const tag of tags) {
      if (tag.immutable) throw immutableTag(tag.name);
      await endTag(act, tag);
    }
    const siblings = await endSiblings(act, manifest.id);
    await auditEnded(act, pusher, repository, [...tags, ...siblings]);
    await act.manager.update(Manifest, { id: manifest.id }, { deletedAtMs: act.nowMs });
  });
}

/** Takes the link of a blob away from a repository; the bytes stay until nobody has a link (registry spec 4.7). */
export function deleteBlobLink(
  deps: GuardedDeps,
  pusher: Pusher,
  path: RepositoryPath,
  digest: string,
): Promise<void> {
  return runAct(deps, pusher.actor, async (act) => {
    // The exclusive lock keeps a manifest from naming the blob between the check and the delete.
    const repository = await openForWrite(act, deps, pusher, { path, lock: 'update' });
    const options = { nowMs: act.nowMs, mode: 'update' as const };
    const link = await lockReadableLink(act.manager, repository.id, digest, options);
    if (!link) throw new ActError('not-found', `there is no blob "${digest}" in this repository`, 'blob');
    if (await isBlobInUse(act.manager, repository.id, link.blobId)) {
      throw new ActError('conflict', `a manifest of this repository names blob "${digest}"`, 'blob');
    }
    await act.manager.delete(RepositoryBlob, { id: link.linkId });
  });
}
