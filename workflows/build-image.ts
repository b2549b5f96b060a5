import {
  ActivityFailure,
  CancellationScope,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
} from '@temporalio/workflow';

import type { BuildAttempt, BuildMarkActivities, BuildRecordActivities } from '../activities/build/contracts';
import { MAX_BUILD_ATTEMPTS, MAX_BUILD_HAND_OVERS } from '../model/build-limits';
import { archiveOptions, localRecordOptions, recordOptions } from './shared/activity-options';
import type { BuildImageInput } from './shared/contracts';
import type { AttemptResult } from './shared/run-build-attempt';
import { BuilderSlots, runBuildAttempt, showPhase } from './shared/run-build-attempt';
import { buildFinished, holdingBuilder } from './shared/signals';

export interface BuildImageResult {
  /** `superseded`: somebody else ended the build before we could. */
  outcome: 'complete' | 'error' | 'internalerror' | 'superseded';
  digest?: string;
}

const { beginAttempt } = proxyLocalActivities<BuildMarkActivities>(localRecordOptions);
const records = proxyActivities<BuildRecordActivities>(recordOptions);
const { archiveLog } = proxyActivities<BuildRecordActivities>(archiveOptions);

/**
 * One build from clone to push. It begins again on another worker when its host is lost, three times at most, and when its
 * host shuts down in good order, which counts apart; whatever happens, the record has an end and the queue its slot back.
 */
export async function buildImage(input: BuildImageInput): Promise<BuildImageResult> {
  const slots = new BuilderSlots();
  setHandler(holdingBuilder, (holding) => slots.offer(holding));
  try {
    return await buildUntilItEnds(input, slots);
  } catch (error) {
    if (isCancellation(error)) {
      showPhase('cancelled');
      await CancellationScope.nonCancellable(() => records.recordCancelledBuild(input.buildId));
    }
    throw error;
  } finally {
    await CancellationScope.nonCancellable(() => leave(input, slots));
  }
}

async function buildUntilItEnds(input: BuildImageInput, slots: BuilderSlots): Promise<BuildImageResult> {
  const { buildId } = input;
  const counts = { lost: 0, 'handed-over': 0 };
  let reason = '';
  for (let attempt = 1; ; attempt += 1) {
    const begun = await beginAttempt({ buildId, attempt });
    if (!begun) return { outcome: 'superseded' };
    if (begun.pushedDigest) return completePushed({ buildId, attempt }, begun.pushedDigest);
    if (isExhausted(counts)) {
      const message = `${reason}; given up after ${attempt - 1} attempts`;
      const failed = { kind: 'failed', phase: 'internalerror', code: 'internalerror', message } as const;
      return conclude(input, attempt, failed);
    }
    const result = await runBuildAttempt(input, begun, slots);
    if (result.kind !== 'lost' && result.kind !== 'handed-over') return conclude(input, attempt, result);
    counts[result.kind] += 1;
    reason = result.reason;
    // After the last one only the question is left whether it had pushed something.
    if (isExhausted(counts)) continue;
    const consequence =
      result.kind === 'lost' ? 'the build begins again' : 'the build begins again on another one';
    await records.recordLostAttempt({ buildId, attempt }, `${reason}; ${consequence}`);
    showPhase('waiting');
    // Another worker is free to take it now; after a fault, whatever failed gets time to recover.
    if (result.kind === 'lost') {
      await sleep(counts.lost * (input.timings?.buildRetryMs ?? 5000), {
        summary: 'before the next attempt',
      });
    }
  }
}

function isExhausted(counts: { lost: number; 'handed-over': number }): boolean {
  return counts.lost >= MAX_BUILD_ATTEMPTS || counts['handed-over'] > MAX_BUILD_HAND_OVERS;
}

/** The image is in the registry although the worker that pushed it was lost. */
async function completePushed(attempt: BuildAttempt, digest: string): Promise<BuildImageResult> {
  const state = await records.completePushedBuild(attempt);
  if (state !== 'current') return { outcome: 'superseded' };
  showPhase('complete', digest);
  return { outcome: 'complete', digest };
}

async function conclude(
  { buildId }: BuildImageInput,
  attempt: number,
  result: Exclude<AttemptResult, { kind: 'lost' | 'handed-over' }>,
): Promise<BuildImageResult> {
  switch (result.kind) {
    case 'over':
      return { outcome: 'superseded' };
    case 'failed': {
      const { phase, code, message } = result;
      const state = await records.failBuild({ buildId, attempt }, { phase, code, message });
      if (state !== 'current') return { outcome: 'superseded' };
      showPhase(phase);
      return { outcome: phase };
    }
    case 'built':
      return { outcome: 'complete', digest: result.digest };
    default:
      return result satisfies never;
  }
}

/** The slot first: the next build of the repository need not wait for the log. */
async function leave({ buildId, namespace }: BuildImageInput, slots: BuilderSlots): Promise<void> {
  try {
    await getExternalWorkflowHandle(`build-queue:${namespace}`).signal(buildFinished, { buildId });
  } catch (error) {
    // The queue may have ended; any other reason is found by its sweep.
    log.debug('the queue could not be told', { error: String(error) });
  }
  try {
    await archiveLog(buildId);
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.warn('the log stays in the database', { error: String(error) });
  }
  await condition(() => slots.areFree);
}
