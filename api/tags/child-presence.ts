import type { EntityManager } from 'typeorm';
import { z } from 'zod';

import { findManifests } from '../../db/stores/manifests';
import type { TagLifetime } from '../../db/stores/tag-history';
import { indexBodies } from '../../db/stores/tag-history';
import { isIndexType } from '../../model/media-types';
import type { ChildPresence } from './present-tag';

const index = z.looseObject({ manifests: z.array(z.looseObject({ digest: z.string() })) });

/** For each index among the tags, by manifest id: which of the manifests that it names are here. */
export async function childPresence(
  manager: EntityManager,
  repositoryId: number,
  tags: TagLifetime[],
): Promise<Map<number, ChildPresence>> {
  const ids = new Set(tags.filter((tag) => isIndexType(tag.mediaType)).map((tag) => tag.manifestId));
  const bodies = await indexBodies(manager, [...ids]);
  const children = new Map([...bodies].map(([id, body]) => [id, childDigests(body)]));
  const found = await findManifests(manager, repositoryId, [...new Set([...children.values()].flat())]);
  const present = new Set(found.map((manifest) => manifest.digest));
  return new Map(
    [...children].map(([id, digests]) => [
      id,
      Object.fromEntries(digests.map((digest) => [digest, present.has(digest)])),
    ]),
  );
}

function childDigests(body: Buffer): string[] {
  const parsed = index.safeParse(JSON.parse(body.toString('utf8')));
  return parsed.success ? parsed.data.manifests.map((child) => child.digest) : [];
}
