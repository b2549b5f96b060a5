import { digestsOfBlob } from '../../db/stores/blob-digests';
import { linkArrivedBlob, linkArrivedManifest } from '../../db/stores/missing-parts';
import type { Act } from '../act';
import { enqueueScan } from '../scans/ask-for-scan-again';
import type { ContentDeps } from './content-deps';

type Setting = Pick<ContentDeps, 'allowsSparse'>;

/**
 * Gives a blob that has come to the repository to the sparse manifests that name it, so that it stays as long as they do.
 * An image that lacks nothing any more is scanned.
 */
export async function fillGapsWithBlob(
  act: Act,
  { allowsSparse }: Setting,
  { repositoryId, blobId }: { repositoryId: number; blobId: number },
): Promise<void> {
  if (!allowsSparse) return;
  const digests = await digestsOfBlob(act.manager, blobId);
  const complete = await linkArrivedBlob(act.manager, { repositoryId, blobId, digests });
  for (const manifestId of complete) await enqueueScan(act, manifestId);
}

/** The same for a manifest and the sparse indexes that name it. */
export async function fillGapsWithManifest(
  act: Act,
  { allowsSparse }: Setting,
  { repositoryId, childId, digest }: { repositoryId: number; childId: number; digest: string },
): Promise<void> {
  if (allowsSparse) await linkArrivedManifest(act.manager, { repositoryId, childId, digest });
}
