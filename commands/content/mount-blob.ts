import type { EntityManager } from 'typeorm';

import { repositoryAccess } from '../../auth/access';
import type { Identity } from '../../auth/identity';
import { Account } from '../../db/entities/accounts';
import { Build } from '../../db/entities/builds';
import type { ReadableLink } from '../../db/stores/blobs';
import { holdBlob, lockReadableLink, repositoriesWithBlob, reviveBlobs } from '../../db/stores/blobs';
import type { RepositoryPath } from '../../model/names';
import type { Act } from '../act';
import { runAct } from '../act';
import type { Pusher } from './pusher';
import type { ContentDeps } from './content-deps';
import { fillGapsWithBlob } from './fill-gaps';
import { openForPush } from './push-gate';

/** Where an anonymous mount looks at most. */
const SOURCES_LOOKED_AT = 20;

export interface Mount {
  digest: string;
  /** Null lets us look for a repository that the caller may pull from. */
  from: RepositoryPath | null;
}

/**
 * Links a blob of another repository to this one, with a hold; false when there is none that the caller, or the pull robot of
 * the build that it is, may read. Decided from the identity, not from the scopes of its token (registry spec 4.2, 18.11).
 */
export function mountBlob(
  deps: ContentDeps,
  pusher: Pusher,
  path: RepositoryPath,
  { digest, from }: Mount,
): Promise<boolean> {
  return runAct(deps, pusher.actor, async (act) => {
    const target = await openForPush(act, deps, pusher, { path, lock: 'share' });
    const readers = [pusher.identity, ...(await pullRobots(act.manager, pusher.identity))];
    const sources = from ? [from] : await repositoriesWithBlob(act.manager, digest, SOURCES_LOOKED_AT);
    for (const source of sources) {
      const blob = await readableBlob(act, deps, readers, { digest, source });
      if (!blob) continue;
      const { blobId } = blob;
      // Only then: many mounts of one blob share its lock, and an update would make them wait for each other.
      if (blob.state === 'candidate') await reviveBlobs(act.manager, [blobId]);
      const holdUntilMs = act.nowMs + deps.contentHoldMs;
      const link = { repositoryId: target.id, blobId };
      await holdBlob(act.manager, { ...link, holdUntilMs });
      await fillGapsWithBlob(act, deps, link);
      return true;
    }
    return false;
  });
}

async function readableBlob(
  act: Act,
  { policy }: ContentDeps,
  readers: Identity[],
  { digest, source }: { digest: string; source: RepositoryPath },
): Promise<ReadableLink | undefined> {
  for (const reader of readers) {
    const access = await repositoryAccess(act.manager, reader, source, { policy, nowMs: act.nowMs });
    if (!access.repository || !access.role || !access.namespace?.enabled) continue;
    return lockReadableLink(act.manager, access.repository.id, digest, { nowMs: act.nowMs, mode: 'share' });
  }
  return undefined;
}

/**
 * The robot that pulls for a build: what it reads can be in the image that the build pushes anyway, the base image above
 * all. Without it, every first push into a repository uploads those layers again.
 */
async function pullRobots(manager: EntityManager, identity: Identity): Promise<Identity[]> {
  if (identity.kind !== 'repository-token' || identity.buildUuid === null) return [];
  const build = await manager.findOneBy(Build, { uuid: identity.buildUuid });
  if (!build || build.pullRobotId === null) return [];
  const robot = await manager.findOneBy(Account, { id: build.pullRobotId, kind: 'robot' });
  if (!robot?.robotToken || robot.ownerId === null) return [];
  return [{ kind: 'robot', accountId: robot.id, name: robot.name, namespaceId: robot.ownerId }];
}
