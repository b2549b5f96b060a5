import { lockRepository } from '../../db/stores/access';
import { lockBuild, withContext } from '../../db/stores/builds';
import { isFinalPhase } from '../../model/phases';
import type { Actor } from '../act';
import { enqueue, runAct, SYSTEM, writeAudit } from '../act';
import { ActError } from '../act-error';
import type { BuildDeps, BuildRepository } from './build-deps';
import { auditSubject, raiseBuildEvent } from './build-deps';
import { endBuild } from './end-build';

/**
 * Cancels a build in any phase up to `pushing`: from this commit on nothing of it can be pushed, because its token dies
 * with it (design 8). Throws `not-found`, or `invalid` when the build has ended.
 */
export async function cancelBuild(
  deps: BuildDeps,
  actor: Actor,
  repository: BuildRepository,
  buildId: string,
): Promise<void> {
  await runAct(deps, actor, async (act) => {
    // The same lock that a push takes first: one of the two sees the other's result.
    await lockRepository(act.manager, repository, 'update');
    const build = await lockBuild(act.manager, buildId);
    if (!build || build.repositoryId !== repository.id) {
      throw new ActError('not-found', `there is no build "${buildId}"`);
    }
    if (isFinalPhase(build.phase)) {
      throw new ActError(
        'invalid',
        `Build is currently running or has finished: it is in phase "${build.phase}"`,
      );
    }
    const context = await withContext(act.manager, build);
    await endBuild(act, build, { phase: 'cancelled' });
    await raiseBuildEvent(deps, act, 'build_cancelled', context);
    await writeAudit(act, 'cancel_build', auditSubject(repository), {
      repo: repository.name,
      namespace: repository.namespace,
      build_uuid: build.uuid,
    });
    await enqueue(act, {
      kind: 'build.cancelled',
      orderingKey: `repository:${repository.id}`,
      payload: { buildId: build.uuid, namespace: repository.namespace, repository: repository.name },
    });
  });
}

/** The record of a workflow that was cancelled in Temporal's UI; nothing changes when the build has ended already. */
export async function recordCancelledBuild(deps: BuildDeps, buildId: string): Promise<void> {
  await runAct(deps, SYSTEM, async (act) => {
    const build = await lockBuild(act.manager, buildId);
    if (!build || isFinalPhase(build.phase)) return;
    const context = await withContext(act.manager, build);
    await endBuild(act, build, { phase: 'cancelled' });
    await raiseBuildEvent(deps, act, 'build_cancelled', context);
  });
}
