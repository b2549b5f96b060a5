import type { EntityManager, FindOptionsWhere } from 'typeorm';
import { In, IsNull, Not } from 'typeorm';

import { ManifestBlob, ManifestChild, MissingPart } from '../entities/content';

/** True while the repository lacks something that the manifest names. */
export async function isSparse(manager: EntityManager, manifestId: number): Promise<boolean> {
  return manager.existsBy(MissingPart, { manifestId });
}

/** Links manifests to a blob that they waited for, by any of its digests; answers those that lack nothing any more. */
export async function linkArrivedBlob(
  manager: EntityManager,
  { repositoryId, blobId, digests }: { repositoryId: number; blobId: number; digests: readonly string[] },
): Promise<number[]> {
  const where = { repositoryId, digest: In([...digests]), position: Not(IsNull()) };
  const waiting = await takeParts(manager, where);
  if (waiting.length === 0) return [];
  await manager.insert(
    ManifestBlob,
    // The condition leaves none without a position.
    waiting.map(({ manifestId, position }) => ({
      manifestId,
      repositoryId,
      blobId,
      position: position ?? 0,
    })),
  );
  return completeAmong(manager, [...new Set(waiting.map(({ manifestId }) => manifestId))]);
}

/** Makes a manifest the child of the indexes that waited for it. */
export async function linkArrivedManifest(
  manager: EntityManager,
  { repositoryId, childId, digest }: { repositoryId: number; childId: number; digest: string },
): Promise<void> {
  const waiting = await takeParts(manager, { repositoryId, digest, position: IsNull() });
  if (waiting.length === 0) return;
  await manager.insert(
    ManifestChild,
    waiting.map(({ manifestId }) => ({ parentId: manifestId, childId })),
  );
}

/** Takes rows away; of two that ask for the same, the second finds none. */
async function takeParts(
  manager: EntityManager,
  where: FindOptionsWhere<MissingPart>,
): Promise<MissingPart[]> {
  const parts = await manager.find(MissingPart, { where, lock: { mode: 'pessimistic_write' } });
  if (parts.length > 0) await manager.delete(MissingPart, { id: In(parts.map(({ id }) => id)) });
  return parts;
}

async function completeAmong(manager: EntityManager, manifestIds: readonly number[]): Promise<number[]> {
  const left = await manager.find(MissingPart, {
    select: { id: true, manifestId: true },
    where: { manifestId: In([...manifestIds]) },
  });
  const sparse = new Set(left.map(({ manifestId }) => manifestId));
  return manifestIds.filter((id) => !sparse.has(id));
}
