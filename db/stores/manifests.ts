import type { EntityManager } from 'typeorm';
import { In, IsNull } from 'typeorm';

import { Manifest, ManifestBlob, ManifestChild, ManifestLabel, MissingPart } from '../entities/content';

/** A manifest without its body. */
export type ManifestHead = Omit<Manifest, 'body'>;

const HEAD_COLUMNS = {
  id: true,
  repositoryId: true,
  digest: true,
  mediaType: true,
  sizeBytes: true,
  layersSizeBytes: true,
  configMediaType: true,
  artifactType: true,
  subjectDigest: true,
  deletedAtMs: true,
  holdUntilMs: true,
  createdAtMs: true,
} as const;

/** The row of a digest, deleted ones too. */
export async function findManifest(
  manager: EntityManager,
  repositoryId: number,
  digest: string,
): Promise<ManifestHead | null> {
  return manager.findOne(Manifest, { select: HEAD_COLUMNS, where: { repositoryId, digest } });
}

/** The manifests of these digests that were not deleted. */
export async function findManifests(
  manager: EntityManager,
  repositoryId: number,
  digests: readonly string[],
): Promise<ManifestHead[]> {
  if (digests.length === 0) return [];
  return manager.find(Manifest, {
    select: HEAD_COLUMNS,
    where: { repositoryId, digest: In(digests), deletedAtMs: IsNull() },
  });
}

/** What a new manifest refers to: blobs in their order (config first), children in id order. */
export interface ManifestLinks {
  blobs: { blobId: number; position: number }[];
  childIds: number[];
  /** What is named and not here. */
  missing: Pick<MissingPart, 'digest' | 'position'>[];
}

export async function insertLinks(
  manager: EntityManager,
  manifest: { id: number; repositoryId: number },
  links: ManifestLinks,
): Promise<void> {
  const { id, repositoryId } = manifest;
  await inBatches(links.blobs, (batch) =>
    manager.insert(
      ManifestBlob,
      batch.map((blob) => ({ ...blob, manifestId: id, repositoryId })),
    ),
  );
  await inBatches(links.childIds, (batch) =>
    manager.insert(
      ManifestChild,
      batch.map((childId) => ({ parentId: id, childId })),
    ),
  );
  await inBatches(links.missing, (batch) =>
    manager.insert(
      MissingPart,
      batch.map((part) => ({ ...part, manifestId: id, repositoryId })),
    ),
  );
}

/** The links of a manifest that was sparse, as they are today. */
export async function replaceLinks(
  manager: EntityManager,
  manifest: { id: number; repositoryId: number },
  links: ManifestLinks,
): Promise<void> {
  await manager.delete(ManifestBlob, { manifestId: manifest.id });
  await manager.delete(ManifestChild, { parentId: manifest.id });
  await manager.delete(MissingPart, { manifestId: manifest.id });
  await insertLinks(manager, manifest, links);
}

export async function insertLabels(
  manager: EntityManager,
  labels: Pick<ManifestLabel, 'uuid' | 'manifestId' | 'labelKey' | 'labelValue' | 'mediaType' | 'source'>[],
): Promise<void> {
  await inBatches(labels, (batch) => manager.insert(ManifestLabel, batch));
}

/** Labels by manifest; a manifest without any is absent. */
export async function labelsOfManifests(
  manager: EntityManager,
  manifestIds: readonly number[],
): Promise<Map<number, Record<string, string>>> {
  const byManifest = new Map<number, Record<string, string>>();
  if (manifestIds.length === 0) return byManifest;
  const rows = await manager.find(ManifestLabel, {
    where: { manifestId: In(manifestIds) },
    order: { id: 'ASC' },
  });
  for (const { manifestId, labelKey, labelValue } of rows) {
    byManifest.set(manifestId, { ...byManifest.get(manifestId), [labelKey]: labelValue });
  }
  return byManifest;
}

/** The digest of an index of the repository that was not deleted and names the manifest. */
export async function findParentDigest(
  manager: EntityManager,
  manifestId: number,
): Promise<string | undefined> {
  const rows = await manager.query<{ digest: string }[]>(
    `SELECT p.digest FROM manifest_child c JOIN manifest p ON p.id = c.parent_id
      WHERE c.child_id = ? AND p.deleted_at_ms IS NULL LIMIT 1`,
    [manifestId],
  );
  return rows[0]?.digest;
}

async function inBatches<T>(rows: readonly T[], insert: (batch: T[]) => Promise<unknown>): Promise<void> {
  for (let start = 0; start < rows.length; start += 500) await insert(rows.slice(start, start + 500));
}

/** Keeps manifests from being collected before a time. */
export async function holdManifests(
  manager: EntityManager,
  manifestIds: readonly number[],
  holdUntilMs: number,
): Promise<void> {
  if (manifestIds.length === 0) return;
  await manager.query(`UPDATE manifest SET hold_until_ms = GREATEST(hold_until_ms, ?) WHERE id IN (?)`, [
    holdUntilMs,
    manifestIds,
  ]);
}
