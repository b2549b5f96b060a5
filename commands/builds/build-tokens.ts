import { Build } from '../../db/entities/builds';
import { RepositoryToken } from '../../db/entities/repositories';
import { mintRepositoryToken, repositoryTokenPassword } from '../../auth/tokens';
import { lockBuild } from '../../db/stores/builds';
import type { ActDeps } from '../act';
import { runAct, SYSTEM } from '../act';
import { isCurrentAttempt } from './build-attempts';
import type { BuildAttempt } from './build-attempts';

/**
 * The password with which this attempt of a build pulls and pushes, as user `$token`: write on its own repository, dead as
 * soon as the build ends or begins anew. Undefined when this attempt is no longer the one that runs.
 */
export async function issueBuildToken(deps: ActDeps, attempt: BuildAttempt): Promise<string | undefined> {
  return runAct(deps, SYSTEM, async (act) => {
    const build = await lockBuild(act.manager, attempt.buildId);
    if (!build || !isCurrentAttempt(build, attempt)) return undefined;
    if (build.pushTokenId !== null) {
      const token = await act.manager.findOneByOrFail(RepositoryToken, { id: build.pushTokenId });
      return repositoryTokenPassword(token);
    }
    const minted = await mintRepositoryToken(act.manager, {
      repositoryId: build.repositoryId,
      kind: 'build',
      role: 'write',
      friendlyName: `Build ${build.displayName}`,
      buildUuid: build.uuid,
      nowMs: act.nowMs,
    });
    await act.manager.update(Build, build.id, { pushTokenId: minted.id });
    return minted.password;
  });
}
