import { randomUUID } from 'node:crypto';

import { Manifest } from '../../db/entities/content';
import { reviveBlobs } from '../../db/stores/blobs';
import {
  findManifest,
  holdManifests,
  insertLabels,
  insertLinks,
  replaceLinks,
} from '../../db/stores/manifests';
import { isSparse } from '../../db/stores/missing-parts';
import { storableLabels } from '../../model/manifest-labels';
import type { Labels } from '../../model/manifest-labels';
import type { Act } from '../act';
import type { References } from './manifest-references';
import type { ManifestPush } from './manifest-push';

export interface StoredPush {
  repositoryId: number;
  push: ManifestPush;
  references: References;
  labels: Labels;
  holdUntilMs: number;
}

/** Writes the rows of a manifest, or finds them: the same bytes pushed again change the hold, and the links where some were missing. Answers its id. */
export async function storeManifest(act: Act, stored: StoredPush): Promise<number> {
  const { repositoryId, push, references, holdUntilMs } = stored;
  await reviveBlobs(act.manager, references.candidateIds);
  // Children live on until their parent has a tag (registry spec 10).
  await holdManifests(act.manager, references.childIds, holdUntilMs);
  const existing = await findManifest(act.manager, repositoryId, push.digest);
  if (existing) {
    const { id } = existing;
    await act.manager.update(Manifest, { id }, { holdUntilMs, deletedAtMs: null });
    if (await isSparse(act.manager, id)) await replaceLinks(act.manager, { id, repositoryId }, references);
    return id;
  }
  return insertManifest(act, stored);
}

async function insertManifest(act: Act, { repositoryId, push, ...stored }: StoredPush): Promise<number> {
  const { manifest, body, digest } = push;
  const { identifiers } = await act.manager.insert(Manifest, {
    repositoryId,
    digest,
    mediaType: manifest.mediaType,
    body,
    sizeBytes: body.length,
    layersSizeBytes: manifest.layersSizeBytes,
    configMediaType: manifest.config?.mediaType ?? null,
    artifactType: manifest.artifactType,
    subjectDigest: manifest.subject?.digest ?? null,
    holdUntilMs: stored.holdUntilMs,
    createdAtMs: act.nowMs,
  });
  const id = Number(identifiers[0]?.id);
  await insertLinks(act.manager, { id, repositoryId }, stored.references);
  const labels = storableLabels(stored.labels).map(([labelKey, labelValue]) => ({
    uuid: randomUUID(),
    manifestId: id,
    labelKey,
    labelValue,
    mediaType: 'text/plain',
    source: 'manifest' as const,
  }));
  await insertLabels(act.manager, labels);
  return id;
}
