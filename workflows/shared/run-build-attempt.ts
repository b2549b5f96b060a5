import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  TimeoutFailure,
  upsertSearchAttributes,
} from '@temporalio/workflow';

import type {
  BegunAttempt,
  BuilderActivities,
  BuildMarkActivities,
  BuildRecordActivities,
  BuildStepActivities,
  RunningPhase,
} from '../../activities/build/contracts';
import type { BuildPhase } from '../../model/phases';
import {
  cleanUpOptions,
  engineOptions,
  holdOptions,
  localRecordOptions,
  pushOptions,
  recordOptions,
  sourceOptions,
} from './activity-options';
import type { BuildImageInput, HoldingBuilder } from './contracts';
import { BUILD_ATTEMPT_OVER, BUILD_HANDED_OVER, BUILD_USER_ERROR } from './failure-types';
import { BuildPhaseAttribute, ImageDigest } from './search-attributes';

export type AttemptResult =
  | { kind: 'built'; digest: string }
  | { kind: 'failed'; phase: 'error' | 'internalerror'; code: string; message: string }
  /** The build has ended elsewhere. */
  | { kind: 'over' }
  /** The host or the engine failed us: the build may begin again. */
  | { kind: 'lost'; reason: string }
  /** The build worker shuts down in good order: the build begins again on another one. */
  | { kind: 'handed-over'; reason: string };

/** The slots on build workers that a build has asked for, one for each attempt. */
export class BuilderSlots {
  readonly #queues = new Map<number, string>();
  readonly #holds: Settled<void>[] = [];

  /** True when no worker holds anything for the build any more. */
  get areFree(): boolean {
    return this.#holds.every((hold) => hold.isSettled);
  }

  add(hold: Settled<void>): void {
    this.#holds.push(hold);
  }

  /** What the signal `holdingBuilder` says. */
  offer({ attempt, taskQueue }: HoldingBuilder): void {
    this.#queues.set(attempt, taskQueue);
  }

  queueOf(attempt: number): string | undefined {
    return this.#queues.get(attempt);
  }
}

/**
 * Takes a slot on a build worker and runs the steps on that host. The activity `holdBuilder` runs as long as they do:
 * when it ends first, the host is gone and with it everything on its queue (temporal spec 5).
 */
export async function runBuildAttempt(
  input: BuildImageInput,
  begun: BegunAttempt,
  slots: BuilderSlots,
): Promise<AttemptResult> {
  const { attempt } = begun;
  const holding = new CancellationScope();
  const hold = new Settled(holding.run(() => holdBuilder(input, begun)));
  slots.add(hold);
  try {
    await condition(() => hold.isSettled || slots.queueOf(attempt) !== undefined);
    const host = slots.queueOf(attempt);
    if (host === undefined) return await lostHold(hold);
    const working = new CancellationScope();
    let built: AttemptResult | undefined;
    const work = new Settled(working.run(() => runSteps(input, begun, host, (result) => (built = result))));
    await whileHeld(work, hold);
    if (work.isSettled) return await work.result;
    // Lost while it cleaned up: the host's own sweep does that.
    if (built) return built;
    // Nobody polls the queue of a lost host: waiting for its steps would wait for their timeouts.
    working.cancel();
    return await lostHold(hold);
  } finally {
    holding.cancel();
  }
}

/** Until the steps have ended or the host is lost. A cancelled build waits for its steps: the engine must have stopped. */
async function whileHeld(work: Settled<AttemptResult>, hold: Settled<void>): Promise<void> {
  try {
    await condition(() => work.isSettled || hold.isSettled);
  } catch (error) {
    await CancellationScope.nonCancellable(() => condition(() => work.isSettled));
    throw error;
  }
}

/** Makes a phase visible in Temporal's UI and its searches. */
export function showPhase(phase: BuildPhase, digest?: string): void {
  upsertSearchAttributes([
    { key: BuildPhaseAttribute, value: phase },
    ...(digest === undefined ? [] : [{ key: ImageDigest, value: digest }]),
  ]);
}

async function holdBuilder(input: BuildImageInput, { attempt }: BegunAttempt): Promise<void> {
  const builder = proxyActivities<BuilderActivities>(holdOptions(input.timings));
  const summary = `slot for ${input.repository} at ${input.displayName}, attempt ${attempt}`;
  await builder.holdBuilder.executeWithOptions({ summary }, [{ buildId: input.buildId, attempt }]);
}

async function lostHold(hold: Settled<void>): Promise<AttemptResult> {
  try {
    await hold.result;
    return { kind: 'lost', reason: 'the build worker let go of the build' };
  } catch (error) {
    // Our own cancellation reaches the hold as well.
    if (isCancellation(error)) throw error;
    return handedOver(error) ?? { kind: 'lost', reason: describeLoss(error) };
  }
}

function handedOver(error: unknown): AttemptResult | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure) || cause.type !== BUILD_HANDED_OVER) return undefined;
  return { kind: 'handed-over', reason: cause.message };
}

function describeLoss(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure) return 'the build worker is gone: it no longer answers';
  return `the build worker is gone: ${cause instanceof Error ? cause.message : String(cause)}`;
}

async function runSteps(
  input: BuildImageInput,
  begun: BegunAttempt,
  host: string,
  onBuilt: (result: AttemptResult) => void,
): Promise<AttemptResult> {
  const { cleanUp } = proxyActivities<BuildStepActivities>(cleanUpOptions(host));
  const attempt = { buildId: input.buildId, attempt: begun.attempt };
  try {
    const result = await cloneBuildPush(input, begun, host);
    if (result.kind === 'built') onBuilt(result);
    return result;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return judge(error);
  } finally {
    await CancellationScope.nonCancellable(async () => {
      try {
        await cleanUp.executeWithOptions({ summary: `clean up after ${input.repository}` }, [attempt]);
      } catch (error) {
        // The host's own sweep removes what is left.
        if (!(error instanceof ActivityFailure)) throw error;
      }
    });
  }
}

async function cloneBuildPush(
  input: BuildImageInput,
  { attempt: number, tags }: BegunAttempt,
  host: string,
): Promise<AttemptResult> {
  const attempt = { buildId: input.buildId, attempt: number };
  const target = `${input.repository}:${tags.join(', ')}`;
  const summary = (step: string) => ({ summary: `${step} ${target}`.slice(0, 200) });
  const source = proxyActivities<BuildStepActivities>(sourceOptions(host, input.timings));
  const engine = proxyActivities<BuildStepActivities>(engineOptions(host));
  const push = proxyActivities<BuildStepActivities>(pushOptions(host, input.timings));
  const enter = (phase: RunningPhase) => enterPhase(attempt, phase, target);

  await enter('build-scheduled');
  await enter('unpacking');
  await source.cloneSource.executeWithOptions(summary(`clone ${input.displayName} for`), [attempt]);
  const prepared = await source.prepareContext.executeWithOptions(summary('context of'), [attempt]);
  await enter('pulling');
  await source.checkBaseImages.executeWithOptions(summary('base images of'), [attempt, prepared.baseImages]);
  await enter('building');
  const imageId = await engine.buildImage.executeWithOptions(summary('build'), [attempt, prepared]);
  await enter('pushing');
  const digest = await push.pushImage.executeWithOptions(summary('push'), [attempt, imageId]);
  // Before the clean-up: who waits for the image need not wait for that.
  const { completeBuild } = proxyActivities<BuildRecordActivities>(recordOptions);
  const state = await completeBuild(attempt, { imageId, manifestDigest: digest });
  if (state !== 'current') return { kind: 'over' };
  showPhase('complete', digest);
  return { kind: 'built', digest };
}

async function enterPhase(
  attempt: { buildId: string; attempt: number },
  phase: RunningPhase,
  target: string,
): Promise<void> {
  const { markBuild } = proxyLocalActivities<BuildMarkActivities>(localRecordOptions);
  const state = await markBuild(attempt, phase);
  if (state !== 'current') throw ApplicationFailure.nonRetryable(`the build is ${state}`, BUILD_ATTEMPT_OVER);
  showPhase(phase);
  setCurrentDetails(`**${phase}** ${target}`);
}

/** What a failed step means for the build. */
function judge(error: unknown): AttemptResult {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    if (cause.type === BUILD_ATTEMPT_OVER) return { kind: 'over' };
    if (cause.type === BUILD_USER_ERROR) {
      const [code] = cause.details ?? [];
      const known = typeof code === 'string' ? code : 'builderror';
      return { kind: 'failed', phase: 'error', code: known, message: cause.message };
    }
    return handedOver(cause) ?? { kind: 'lost', reason: cause.message };
  }
  if (cause instanceof TimeoutFailure) return { kind: 'lost', reason: 'a step of the build ran out of time' };
  if (error instanceof ActivityFailure) {
    return { kind: 'lost', reason: error.cause?.message ?? error.message };
  }
  throw error;
}

/** A promise that can be asked whether it has settled, and whose rejection nobody needs to handle. */
class Settled<T> {
  isSettled = false;
  readonly result: Promise<T>;

  constructor(promise: Promise<T>) {
    this.result = promise;
    void this.#watch(promise);
  }

  async #watch(promise: Promise<T>): Promise<void> {
    try {
      await promise;
    } catch {
      // Whoever needs the reason awaits `result`.
    }
    this.isSettled = true;
  }
}
