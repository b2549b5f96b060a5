import type { EntityManager } from 'typeorm';
import { MoreThanOrEqual } from 'typeorm';

import type { BuildPhase } from '../../model/phases';
import { Build } from '../entities/builds';
import { Manifest, Tag } from '../entities/content';

/** The phase of a build and what it has pushed, which nobody can change before this transaction ends. */
export async function lockPushingBuild(
  manager: EntityManager,
  uuid: string,
): Promise<{ phase: BuildPhase; manifestDigest: string | null } | undefined> {
  const build = await manager.findOne(Build, {
    select: { id: true, phase: true, manifestDigest: true },
    where: { uuid },
    lock: { mode: 'pessimistic_write' },
  });
  return build ?? undefined;
}

/** The manifest that a build pushed, with the id of its image; undefined when it was deleted since. */
export async function findPushedImage(
  manager: EntityManager,
  repositoryId: number,
  digest: string,
): Promise<{ manifestId: number; mediaType: string; imageId: string } | undefined> {
  const manifest = await manager.findOneBy(Manifest, { repositoryId, digest });
  if (!manifest) return undefined;
  const { id, mediaType, body } = manifest;
  const { config } = JSON.parse(body.toString('utf8')) as { config: { digest: string } };
  return { manifestId: id, mediaType, imageId: config.digest };
}

/**
 * Tags that were pointed at a manifest since then, whatever they name now. Not those of before: a build that finds everything in
 * its cache makes the image of an earlier one, whose tags may have moved on.
 */
export async function findTagsPointedAt(
  manager: EntityManager,
  { repositoryId, manifestId, sinceMs }: { repositoryId: number; manifestId: number; sinceMs: number },
): Promise<Set<string>> {
  const rows = await manager.find(Tag, {
    select: { id: true, name: true },
    where: { repositoryId, manifestId, lifetimeStartMs: MoreThanOrEqual(sinceMs) },
  });
  return new Set(rows.map(({ name }) => name));
}
