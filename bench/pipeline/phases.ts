import type { Product } from '../../test/support/product';
import type { SlipwayRun } from './through-slipway';

/** Where the time of a build through Slipway goes, in milliseconds; together they are all of it. */
export interface Phases {
  /** From the webhook call until a worker is told to clone: the relay, the queue, the slot. */
  wait: number;
  clone: number;
  context: number;
  /** Whether the base images are there for this build. */
  base: number;
  build: number;
  push: number;
  /** From the push to an end that somebody sees: the record, what is removed from the engine. */
  finish: number;
  /** Between the steps: phases that are recorded, tasks on their way to a worker. */
  between: number;
}

const STEPS = {
  cloneSource: 'clone',
  prepareContext: 'context',
  checkBaseImages: 'base',
  buildImage: 'build',
  pushImage: 'push',
} as const;
type Step = keyof typeof STEPS;

interface Span {
  startMs: number;
  endMs: number;
}

/** From Temporal's history of the build: a step counts from when it is scheduled to when its result is known. */
export async function readPhases({ temporal }: Product, run: SlipwayRun): Promise<Phases> {
  const spans = await readSpans(temporal.client, run.buildId);
  const phases: Phases = {
    wait: spans.cloneSource.startMs - run.calledAtMs,
    clone: 0,
    context: 0,
    base: 0,
    build: 0,
    push: 0,
    finish: run.endedAtMs - spans.pushImage.endMs,
    between: 0,
  };
  let steps = 0;
  for (const [step, phase] of Object.entries(STEPS) as [Step, (typeof STEPS)[Step]][]) {
    phases[phase] = spans[step].endMs - spans[step].startMs;
    steps += phases[phase];
  }
  phases.between = run.endedAtMs - run.calledAtMs - phases.wait - phases.finish - steps;
  return phases;
}

async function readSpans(
  client: Product['temporal']['client'],
  buildId: string,
): Promise<Record<Step, Span>> {
  const { events } = await client.workflow.getHandle(`build:${buildId}`).fetchHistory();
  const found = new Map<string, Span>();
  const names = new Map<string, string>();
  for (const event of events ?? []) {
    const atMs = Number(event.eventTime?.seconds ?? 0) * 1000 + (event.eventTime?.nanos ?? 0) / 1e6;
    const name = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (name) {
      names.set(String(event.eventId), name);
      found.set(name, { startMs: atMs, endMs: atMs });
    }
    const scheduled = event.activityTaskCompletedEventAttributes?.scheduledEventId;
    const span = scheduled ? found.get(names.get(String(scheduled)) ?? '') : undefined;
    if (span) span.endMs = atMs;
  }
  const spanOf = (step: Step): Span => {
    const span = found.get(step);
    if (!span) throw new Error(`the history of build ${buildId} has no ${step}`);
    return span;
  };
  return {
    cloneSource: spanOf('cloneSource'),
    prepareContext: spanOf('prepareContext'),
    checkBaseImages: spanOf('checkBaseImages'),
    buildImage: spanOf('buildImage'),
    pushImage: spanOf('pushImage'),
  };
}
