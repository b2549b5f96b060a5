import type { Build } from '../../db/entities/builds';
import { BuildTrigger } from '../../db/entities/builds';
import { lockBuild, lockTrigger, withContext } from '../../db/stores/builds';
import { isFinalPhase } from '../../model/phases';
import type { Act } from '../act';
import { runAct, SYSTEM } from '../act';
import type { AttemptState, BuildAttempt } from './build-attempts';
import { withAttempt } from './build-attempts';
import type { BuildDeps } from './build-deps';
import { raiseBuildEvent } from './build-deps';
import { appendEntries } from './build-log';
import { endBuild } from './end-build';

export interface BuiltImage {
  imageId: string;
  manifestDigest: string;
}

/** The image is in the registry. `build_success` leaves with this commit, once. */
export async function completeBuild(
  deps: BuildDeps,
  attempt: BuildAttempt,
  image: BuiltImage,
): Promise<AttemptState> {
  return withAttempt(deps, attempt, (act, build) => finishBuild(deps, act, build, image));
}

/** The same for an act that has locked the build. */
export async function finishBuild(deps: BuildDeps, act: Act, build: Build, image: BuiltImage): Promise<void> {
  await appendEntries(act, build, [{ type: 'phase', message: 'complete' }]);
  await endBuild(act, build, { phase: 'complete', ...image });
  const outcome = { imageId: image.imageId, digest: image.manifestDigest };
  await raiseBuildEvent(deps, act, 'build_success', await withContext(act.manager, build), outcome);
  await countOutcome(deps, act, build, 'complete');
}

export interface BuildFailure {
  /** `error`: what a user can mend; `internalerror`: what the operator has to. */
  phase: 'error' | 'internalerror';
  /** A code of builds spec 5.9, without its prefix. */
  code: string;
  /** What the user reads in the log, the build view and the message. */
  message: string;
}

/** The build has failed for good: reason in the log and the row, `build_failure` with it, the trigger counts it. */
export async function failBuild(
  deps: BuildDeps,
  attempt: BuildAttempt,
  failure: BuildFailure,
): Promise<AttemptState> {
  return withAttempt(deps, attempt, (act, build) => writeFailure(deps, act, build, failure));
}

/**
 * Ends a build whose workflow is gone without having written an end: terminated by an operator, timed out or lost. Whatever
 * still runs of it is refused from now on. False when the build had ended already.
 */
export async function markBuildLost(deps: BuildDeps, buildId: string, reason: string): Promise<boolean> {
  return runAct(deps, SYSTEM, async (act) => {
    const build = await lockBuild(act.manager, buildId);
    if (!build || isFinalPhase(build.phase)) return false;
    await writeFailure(deps, act, build, { phase: 'internalerror', code: 'internalerror', message: reason });
    return true;
  });
}

async function writeFailure(deps: BuildDeps, act: Act, build: Build, failure: BuildFailure): Promise<void> {
  const { phase, code, message } = failure;
  const data = { error_code: code, base_error: message };
  await appendEntries(act, build, [
    { type: 'phase', message: phase },
    { type: 'error', message, data },
  ]);
  await endBuild(act, build, { phase, errorCode: code, errorMessage: message });
  const outcome = { errorMessage: message };
  await raiseBuildEvent(deps, act, 'build_failure', await withContext(act.manager, build), outcome);
  await countOutcome(deps, act, build, phase);
}

/** Switches a trigger off that fails too often in a row (builds spec 5.7); once per build, not per attempt. */
async function countOutcome(
  deps: BuildDeps,
  act: Act,
  build: Build,
  phase: 'complete' | 'error' | 'internalerror',
): Promise<void> {
  const trigger = build.triggerId === null ? undefined : await lockTrigger(act.manager, build.triggerId);
  if (!trigger) return;
  const successiveFailures =
    phase === 'complete' ? 0 : trigger.successiveFailures + Number(phase === 'error');
  const successiveInternalErrors = phase === 'internalerror' ? trigger.successiveInternalErrors + 1 : 0;
  const counters = { successiveFailures, successiveInternalErrors };
  const disabledReason = trigger.enabled ? reasonToDisable(deps, counters) : undefined;
  await act.manager.update(BuildTrigger, trigger.id, {
    ...counters,
    ...(disabledReason ? { enabled: false, disabledReason, disabledAtMs: act.nowMs } : {}),
  });
}

function reasonToDisable(
  { config }: BuildDeps,
  counters: { successiveFailures: number; successiveInternalErrors: number },
): 'successive_build_failures' | 'successive_build_internal_errors' | undefined {
  const failures = config.SUCCESSIVE_TRIGGER_FAILURE_DISABLE_THRESHOLD;
  const internalErrors = config.SUCCESSIVE_TRIGGER_INTERNAL_ERROR_DISABLE_THRESHOLD;
  // A threshold of 0 turns its rule off.
  if (failures > 0 && counters.successiveFailures >= failures) return 'successive_build_failures';
  if (internalErrors > 0 && counters.successiveInternalErrors >= internalErrors) {
    return 'successive_build_internal_errors';
  }
  return undefined;
}
