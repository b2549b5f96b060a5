import type { Identity } from '../../auth/identity';
import { Build } from '../../db/entities/builds';
import { lockPushingBuild } from '../../db/stores/build-pushes';
import { isFinalPhase } from '../../model/phases';
import type { Act } from '../act';
import { ActError } from '../act-error';

/**
 * Locks the build behind a push token until the push has committed, and refuses when the build is over: whoever cancels
 * waits for this manifest or is seen by it, so nothing of a cancelled build can land (design, "cancel"). All tags of a
 * build name one image: a second one, of an attempt that nobody waits for any more, is refused too.
 */
export async function holdBuild(
  act: Act,
  identity: Identity,
  { digest, tags }: { digest: string; tags: string[] },
): Promise<void> {
  const buildUuid = buildBehind(identity);
  if (buildUuid === null) return;
  const build = await lockPushingBuild(act.manager, buildUuid);
  if (build === undefined || isFinalPhase(build.phase)) {
    throw new ActError('forbidden', `build "${buildUuid}" is over (${build?.phase ?? 'deleted'})`, 'build');
  }
  if (tags.length > 0 && build.manifestDigest !== null && build.manifestDigest !== digest) {
    throw new ActError(
      'forbidden',
      `build "${buildUuid}" has pushed ${build.manifestDigest} already`,
      'build',
    );
  }
}

/** Remembers on the build what it pushed. */
export async function recordBuiltManifest(
  act: Act,
  identity: Identity,
  { digest, tags }: { digest: string; tags: string[] },
): Promise<void> {
  const buildUuid = buildBehind(identity);
  if (buildUuid === null || tags.length === 0) return;
  await act.manager.update(Build, { uuid: buildUuid }, { manifestDigest: digest });
}

function buildBehind(identity: Identity): string | null {
  return identity.kind === 'repository-token' && identity.purpose === 'build' ? identity.buildUuid : null;
}
