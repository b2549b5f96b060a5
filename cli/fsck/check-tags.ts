import { hash } from 'node:crypto';

import { Manifest } from '../../db/entities/content';
import type { TagToCheck } from '../../db/stores/integrity';
import { tagPage } from '../../db/stores/integrity';
import { parseDigest } from '../../model/digests';
import type { FsckRun } from './run';
import { pagesOf, reportFinding, repositoryName } from './run';

/** Every lifetime of every tag leads to the manifest that it was put with. */
export async function checkTags(run: FsckRun): Promise<void> {
  const { manager } = run.dataSource;
  const pages = pagesOf(run.pageSize, (page) => tagPage(manager, { ...page, nowMs: run.now() }));
  for await (const tags of pages) {
    for (const tag of tags) {
      run.counts.tags += 1;
      const fault = lostManifest(tag) ?? (await wrongDigest(run, tag));
      if (!fault) continue;
      const { tag: name, digest } = tag;
      reportFinding(run, { ...fault, subject: 'tag', repository: repositoryName(tag), tag: name, digest });
    }
  }
}

interface TagFault {
  kind: 'missing' | 'corrupt';
  problem: string;
}

function lostManifest({ manifestDigest, manifestDeletedAtMs, isAlive }: TagToCheck): TagFault | undefined {
  if (manifestDigest === null) {
    const problem = isAlive
      ? 'its manifest has no row'
      : 'an ended lifetime names a manifest without a row: it cannot be restored';
    return { kind: 'missing', problem };
  }
  // Deleting a manifest ends its tags in the same transaction.
  const isUnreadable = manifestDeletedAtMs !== null && isAlive;
  return isUnreadable ? { kind: 'missing', problem: 'its manifest was deleted' } : undefined;
}

/** The tag may have been put in the other algorithm than its manifest's row has (registry spec 18.1). */
async function wrongDigest(
  { dataSource }: FsckRun,
  { digest, manifestDigest, manifestId }: TagToCheck,
): Promise<TagFault | undefined> {
  if (digest === manifestDigest) return undefined;
  const manifest = await dataSource.manager.findOne(Manifest, {
    select: { id: true, body: true },
    where: { id: manifestId },
  });
  // Deleted since the tag was read, and the tag with it.
  if (!manifest) return undefined;
  const algorithm = parseDigest(digest)?.algorithm;
  if (algorithm && `${algorithm}:${hash(algorithm, manifest.body)}` === digest) return undefined;
  return { kind: 'corrupt', problem: `its manifest is another one: ${manifestDigest ?? 'without a digest'}` };
}
