import { checkBlobs } from './check-blobs';
import { checkFiles } from './check-files';
import { checkManifests } from './check-manifests';
import { checkTags } from './check-tags';
import type { FsckCounts, FsckOptions } from './run';
import { noCounts } from './run';

/**
 * Compares the database with storage, from tags down to files, and changes nothing. It may run beside the product: what is
 * pushed or deleted meanwhile is not taken for a fault. `counts` grows while it runs.
 */
export async function fsck(options: FsckOptions, counts: FsckCounts = noCounts()): Promise<FsckCounts> {
  const run = { ...options, counts };
  await checkTags(run);
  await checkManifests(run);
  await checkBlobs(run);
  await checkFiles(run);
  return counts;
}

export function findingsIn({ findings }: FsckCounts): number {
  return Object.values(findings).reduce((sum, count) => sum + count, 0);
}
