import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';

import type { BuildRecordActivities } from '../activities/build/contracts';
import { buildImage } from './build-image';
import { recordOptions } from './shared/activity-options';
import { BuildQueueState } from './shared/build-queue-state';
import type { BuildQueueInput, QueuedBuild } from './shared/contracts';
import { BuildPhaseAttribute, RegistryNamespace, Repository, TriggerKind } from './shared/search-attributes';
import { buildFinished, dropBuild, enqueueBuild, heldBuilds } from './shared/signals';

const SWEEP_MS = 5 * 60_000;

/**
 * Holds the limits and the order of one namespace's builds (temporal spec 10), and ends when it is empty. Builds outlive
 * it; each frees its slot with `buildFinished`, and a sweep finds those that could not.
 */
export async function buildQueue(input: BuildQueueInput): Promise<void> {
  const state = new BuildQueueState(input);
  setHandler(enqueueBuild, (event) => state.enqueue(event));
  setHandler(dropBuild, (event) => state.drop(event));
  setHandler(buildFinished, ({ buildId }) => state.finish(buildId));
  setHandler(heldBuilds, () => state.buildIds());

  // A signal that started us may be delivered after this line.
  if (state.isIdle) await condition(() => !state.isIdle, '1m');
  for (;;) {
    for (let next = state.startNext(); next; next = state.startNext()) await start(input, state, next);
    if (state.isIdle) return;
    if (isHistoryLong(input)) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof buildQueue>(state.snapshot());
    }
    const { version } = state;
    const isSignalled = await condition(
      () => state.version !== version,
      input.timings?.queueSweepMs ?? SWEEP_MS,
    );
    if (!isSignalled) await sweep(state);
  }
}

/** The server's suggestion, or the number of events that a test gives. */
function isHistoryLong({ timings }: BuildQueueInput): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > (timings?.queueHistoryEvents ?? Infinity);
}

async function start(input: BuildQueueInput, state: BuildQueueState, build: QueuedBuild): Promise<void> {
  const { namespace, timings } = input;
  try {
    await startChild(buildImage, {
      workflowId: `build:${build.buildId}`,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      parentClosePolicy: 'ABANDON',
      args: [{ ...build, namespace, ...(timings && { timings }) }],
      staticSummary: `build of ${build.repository} at ${build.displayName}`.slice(0, 200),
      typedSearchAttributes: [
        { key: RegistryNamespace, value: namespace },
        { key: Repository, value: build.repository },
        { key: BuildPhaseAttribute, value: 'waiting' },
        { key: TriggerKind, value: build.triggerKind },
      ],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    // An earlier queue started it; the record tells whether it still runs.
    await sweep(state);
  }
}

/** Frees the slots of builds that ended without saying so. */
async function sweep(state: BuildQueueState): Promise<void> {
  const { keepOpenBuilds } = proxyActivities<BuildRecordActivities>(recordOptions);
  const ids = state.buildIds();
  const open = new Set(await keepOpenBuilds(ids));
  for (const id of ids) if (!open.has(id)) state.finish(id);
}
