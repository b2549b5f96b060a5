import { commonLabels, mergeLabels, tagLifetimeMs } from '../../model/manifest-labels';
import type { Labels } from '../../model/manifest-labels';
import type { RepositoryPath } from '../../model/names';
import { labelsOfManifests } from '../../db/stores/manifests';
import type { Act } from '../act';
import { enqueue, runAct } from '../act';
import { scanKey } from '../scans/scan-key';
import { holdBuild, recordBuiltManifest } from './build-guard';
import type { Pusher } from './pusher';
import { auditPusher } from './pusher';
import type { ContentDeps } from './content-deps';
import { fillGapsWithManifest } from './fill-gaps';
import type { ManifestPush } from './manifest-push';
import type { References } from './manifest-references';
import { checkReferences } from './manifest-references';
import type { OpenRepository } from './push-gate';
import { openForPush } from './push-gate';
import { setTag } from './set-tag';
import { storeManifest } from './store-manifest';
import { tellPush } from './tell-push';

export interface PutTag {
  name: string;
  /** When it will expire; null: never. */
  lifetimeEndMs: number | null;
}

/**
 * Stores a manifest with everything that hangs on it: links to its blobs and children, labels, tags, usage log, push
 * events and the scan that follows, in one transaction. It refuses when a blob or child is not in the repository, unless
 * sparse content is allowed. Pushes to one repository follow one another, so its tags have one history and its events one order.
 */
export function putManifest(
  deps: ContentDeps,
  pusher: Pusher,
  path: RepositoryPath,
  push: ManifestPush,
): Promise<PutTag[]> {
  return runAct(deps, pusher.actor, async (act) => {
    await holdBuild(act, pusher.identity, push);
    const repository = await openForPush(act, deps, pusher, { path, lock: 'update' });
    const references = await checkReferences(act.manager, repository.id, {
      manifest: push.manifest,
      allowsSparse: deps.allowsSparse ?? false,
    });
    const labels = mergeLabels(push.configLabels, push.manifest.annotations);
    const manifestId = await storeManifest(act, {
      repositoryId: repository.id,
      push,
      references,
      labels,
      holdUntilMs: act.nowMs + deps.contentHoldMs,
    });
    await fillGapsWithManifest(act, deps, {
      repositoryId: repository.id,
      childId: manifestId,
      digest: push.digest,
    });
    const lifetimeMs = await lifetimeOf(act, labels, references);
    const tags: PutTag[] = [];
    for (const name of push.tags) {
      const { digest } = push;
      const target = { repositoryId: repository.id, name, manifestId, digest, lifetimeMs };
      const { lifetimeEndMs } = await setTag(act, target);
      tags.push({ name, lifetimeEndMs });
      const { mediaType } = push.manifest;
      await tellPush(act, deps.address, { repository, tag: name, mediaType, pusher: auditPusher(pusher) });
    }
    await recordBuiltManifest(act, pusher.identity, push);
    // Layers that are named and not here may be somebody else's: nothing of them is looked into before they were pushed here.
    if (references.missing.length === 0) await askForScan(act, repository, manifestId, push);
    return tags;
  });
}

/** An index without a label of its own lives as long as all of its children say in one voice. */
async function lifetimeOf(
  act: Act,
  labels: Labels,
  { childIds, missing }: Pick<References, 'childIds' | 'missing'>,
): Promise<number | null> {
  const own = tagLifetimeMs(labels);
  if (own !== null || childIds.length === 0 || missing.length > 0) return own;
  const byManifest = await labelsOfManifests(act.manager, childIds);
  return tagLifetimeMs(commonLabels(childIds.map((id) => byManifest.get(id) ?? {})));
}

/** Images and artifacts have layers to look into; an index has none of its own. */
async function askForScan(
  act: Act,
  repository: OpenRepository,
  manifestId: number,
  push: ManifestPush,
): Promise<void> {
  if (!push.manifest.config) return;
  await enqueue(act, {
    kind: 'manifest.pushed',
    orderingKey: scanKey(repository.id, push.digest),
    payload: {
      repositoryId: repository.id,
      manifestId,
      namespace: repository.path.namespace,
      repository: repository.path.name,
      digest: push.digest,
      tag: push.tags[0] ?? null,
    },
  });
}
