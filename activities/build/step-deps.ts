import type Docker from 'dockerode';

import type { ActDeps } from '../../commands/act';
import type { BuildAttempt } from '../../commands/builds/build-attempts';
import { isCurrentAttempt } from '../../commands/builds/build-attempts';
import { issueBuildToken } from '../../commands/builds/build-tokens';
import type { Config } from '../../config/schema';
import { Account } from '../../db/entities/accounts';
import type { BuildInContext } from '../../db/stores/builds';
import { findBuild } from '../../db/stores/builds';
import type { AddressPolicy } from '../../outbound/address-policy';
import { attemptOver } from './build-failures';

/** What the steps of a build need of the host that runs them. */
export interface BuildStepDeps extends ActDeps {
  config: Pick<
    Config,
    | 'SERVER_HOSTNAME'
    | 'BUILD_WORK_DIR'
    | 'BUILD_SOURCE_IDLE_TIMEOUT'
    | 'BUILD_SOURCE_TIMEOUT'
    | 'BUILD_SOURCE_MAX_SIZE_BYTES'
    | 'BUILD_SOURCE_MAX_FILES'
  >;
  docker: Docker;
  /** Which git hosts may be reached. */
  policy: AddressPolicy;
}

export interface RegistryCredentials {
  username: string;
  password: string;
}

/** The build, as long as this attempt of it is the one that counts. */
export async function currentBuild(deps: BuildStepDeps, attempt: BuildAttempt): Promise<BuildInContext> {
  const found = await findBuild(deps.dataSource.manager, attempt.buildId);
  if (!found || !isCurrentAttempt(found.build, attempt)) {
    throw attemptOver(found && found.build.attempt !== attempt.attempt ? 'superseded' : 'ended');
  }
  return found;
}

/** For pushes: dead as soon as the build ends. */
export async function pushCredentials(
  deps: BuildStepDeps,
  attempt: BuildAttempt,
): Promise<RegistryCredentials> {
  const password = await issueBuildToken(deps, attempt);
  if (password === undefined) throw attemptOver('ended');
  return { username: '$token', password };
}

/** For base images of this registry: the pull robot with its token of today, or what the build itself may read. */
export async function pullCredentials(
  deps: BuildStepDeps,
  attempt: BuildAttempt,
): Promise<RegistryCredentials> {
  const { build } = await currentBuild(deps, attempt);
  const robot =
    build.pullRobotId === null
      ? null
      : await deps.dataSource.manager.findOneBy(Account, { id: build.pullRobotId });
  if (!robot?.robotToken) return pushCredentials(deps, attempt);
  return { username: robot.name, password: robot.robotToken };
}
