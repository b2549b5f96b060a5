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
import type { ManifestPush } from './manifest-push';
import { checkReferences } from './manifest-references';
import type { OpenRepository } from './push-gate';
import { openForPush } from './push-gate';
import { setTag } from './set-tag';
import { storeManifest } from './store-manifest';
import { tellPush } from './tell-push';

/**
 * Stores a manifest with everything that hangs on it: links to its blobs and children, labels, tags, usage log, push
 * events and the scan that follows, in one transaction. It refuses when a blob or child is not in the repository. Pushes
 * to one repository follow one another, so its tags have one history and its events one order.
 */
export function putManifest(
  deps: ContentDeps,
  pusher: Pusher,
  path: RepositoryPath,
  push: ManifestPush,
): Promise<void> {
  return runAct(deps, pusher.actor, async (act) => {
    await holdBuild(act, pusher.identity, push);
    const repository = await openForPush(act, deps, pusher, { path, lock: 'update' });
    const references = await checkReferences(act.manager, repository.id, push.manifest);
    const labels = mergeLabels(push.configLabels, push.manifest.annotations);
    const manifestId = await storeManifest(act, {
      repositoryId: repository.id,
      push,
      references,
      labels,
      holdUntilMs: act.nowMs + deps.contentHoldMs,
    });
    const lifetimeMs = await lifetimeOf(act, labels, references.childIds);
    for (const tag of push.tags) {
      const { digest } = push;
      await setTag(act, { repositoryId: repository.id, name: tag, manifestId, digest, lifetimeMs });
      const { mediaType } = push.manifest;
      await tellPush(act, deps.address, { repository, tag, mediaType, pusher: auditPusher(pusher) });
    }
    await recordBuiltManifest(act, pusher.identity, push);
    await askForScan(act, repository, manifestId, push);
  });
}

/** An index without a label of its own lives as long as all of its children say in one voice. */
async function lifetimeOf(act: Act, labels: Labels, childIds: readonly number[]): Promise<number | null> {
  const own = tagLifetimeMs(labels);
  if (own !== null || childIds.length === 0) return own;
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
