import type { Build } from '../../db/entities/builds';
import { lockRepository } from '../../db/stores/access';
import { findPushedImage, findTagsPointedAt } from '../../db/stores/build-pushes';
import type { BuildInContext } from '../../db/stores/builds';
import { withContext } from '../../db/stores/builds';
import { labelsOfManifests } from '../../db/stores/manifests';
import { tagLifetimeMs } from '../../model/manifest-labels';
import type { Act } from '../act';
import { ActError } from '../act-error';
import { setTag } from '../content/set-tag';
import { tellPush } from '../content/tell-push';
import type { AttemptState, BuildAttempt } from './build-attempts';
import { withAttempt } from './build-attempts';
import type { BuildDeps } from './build-deps';
import { appendEntries } from './build-log';
import { finishBuild } from './finish-build';

/**
 * Ends a build of which an earlier attempt has pushed the image under some of its tags: the others are pointed at the same
 * image. Building again would make another image, and the tags of one build would name two.
 */
export async function completePushedBuild(deps: BuildDeps, attempt: BuildAttempt): Promise<AttemptState> {
  return withAttempt(deps, attempt, async (act, build) => {
    const { manifestDigest } = build;
    if (manifestDigest === null) throw new Error(`build "${build.uuid}" has pushed nothing`);
    const { repository } = await withContext(act.manager, build);
    await lockRepository(act.manager, repository, 'update');
    const image = await findPushedImage(act.manager, build.repositoryId, manifestDigest);
    if (!image) throw new ActError('not-found', `the image ${manifestDigest} was deleted since`, 'manifest');
    const pushed = { ...image, repository, digest: manifestDigest };
    const missing = await putMissingTags(deps, act, build, pushed);
    const rest = missing.length > 0 ? `; ${missing.join(', ')} now name it too` : '';
    await appendEntries(act, build, [
      { message: `the image had been pushed before the worker was lost${rest}` },
    ]);
    await finishBuild(deps, act, build, { imageId: image.imageId, manifestDigest });
  });
}

/** Answers the tags that the lost attempt had not come to; what somebody did to the others since stays. */
async function putMissingTags(
  deps: BuildDeps,
  act: Act,
  build: Build,
  image: {
    repository: BuildInContext['repository'];
    manifestId: number;
    digest: string;
    mediaType: string;
  },
): Promise<string[]> {
  const { repositoryId } = build;
  const { manifestId, digest, mediaType } = image;
  const since = { repositoryId, manifestId, sinceMs: build.createdAtMs };
  const pushed = await findTagsPointedAt(act.manager, since);
  const missing = build.dockerTags.filter((tag) => !pushed.has(tag));
  const labels = await labelsOfManifests(act.manager, [manifestId]);
  const lifetimeMs = tagLifetimeMs(labels.get(manifestId) ?? {});
  const { id, namespaceId, namespace, name } = image.repository;
  const repository = { id, namespaceId, path: { namespace, name } };
  for (const tag of missing) {
    await setTag(act, { repositoryId, name: tag, manifestId, digest, lifetimeMs });
    const pusher = { token: `Build ${build.displayName}` };
    await tellPush(act, deps.address, { repository, tag, mediaType, pusher });
  }
  return missing;
}
