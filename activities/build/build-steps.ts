import { cancellationSignal } from '@temporalio/activity';

import type { BuildAttempt } from '../../commands/builds/build-attempts';
import { explainFullDisk } from './build-failures';
import type { StepContext } from './build-image';
import { buildImage } from './build-image';
import { checkBaseImages } from './check-base-images';
import { cleanUp } from './clean-up';
import { cloneSource } from './clone-source';
import type { BuildStepActivities } from './contracts';
import { withHeartbeat } from '../with-heartbeat';
import { BuildLogWriter } from './log-writer';
import { prepareContext } from './prepare-context';
import { pushImage } from './push-image';
import type { HandOver } from './hand-over';
import type { BuildStepDeps } from './step-deps';
import { unlessAborted } from './unless-aborted';

const HEARTBEAT_MS = 1000;
/** For a step to stop what it runs; an engine that hangs answers nothing, and is not waited for. */
const STOP_MS = 5000;

/** Activities of a build host's own queue. */
export function createBuildStepActivities(deps: BuildStepDeps, handOver: HandOver): BuildStepActivities {
  const step = <T>(
    attempt: BuildAttempt,
    work: (context: StepContext) => Promise<T>,
    leaving = handOver.begun,
  ) => {
    handOver.began(attempt);
    return runStep(deps, attempt, leaving, work);
  };
  return {
    cloneSource: (attempt) => step(attempt, (context) => cloneSource(deps, attempt, context)),
    prepareContext: (attempt) => step(attempt, () => prepareContext(deps, attempt)),
    checkBaseImages: (attempt, baseImages) =>
      step(attempt, (context) => checkBaseImages(deps, attempt, baseImages, context)),
    buildImage: (attempt, prepared) =>
      step(attempt, (context) => buildImage(deps, attempt, prepared, context)),
    pushImage: (attempt, imageId) =>
      step(attempt, (context) => pushImage(deps, attempt, imageId, context), handOver.finished),
    async cleanUp(attempt) {
      await cleanUp(deps, attempt);
      handOver.cleaned(attempt);
    },
  };
}

/**
 * Heartbeats, so that a cancellation arrives, and keeps the log open while a step runs. The step stops when it is cancelled,
 * when the record says that its attempt is over, and when this worker hands its builds over.
 */
async function runStep<T>(
  deps: BuildStepDeps,
  attempt: BuildAttempt,
  leaving: AbortSignal,
  work: (context: StepContext) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const signal = AbortSignal.any([cancellationSignal(), over.signal, leaving]);
  const log = new BuildLogWriter(deps, attempt, (reason) => over.abort(reason));
  return withHeartbeat(HEARTBEAT_MS, async () => {
    let result: T;
    try {
      signal.throwIfAborted();
      result = await unlessStuck(work({ log, signal }), signal);
    } catch (error) {
      await closeQuietly(log, signal.aborted ? STOP_MS : undefined);
      throw signal.aborted ? signal.reason : explainFullDisk(error);
    }
    await log.close();
    return result;
  });
}

/** Waits for the work, and a moment longer when it was told to stop. */
async function unlessStuck<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await unlessAborted(work, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    return unlessAborted(work, AbortSignal.timeout(STOP_MS));
  }
}

/** The step's own failure counts, not that its last lines came too late. */
async function closeQuietly(log: BuildLogWriter, patienceMs?: number): Promise<void> {
  try {
    await log.close(patienceMs);
  } catch {
    // The record is over, or away: the failure of the step says what matters.
  }
}
