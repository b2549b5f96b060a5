import { randomUUID } from 'node:crypto';

import type { Client } from '@temporalio/client';

import type {
  BuildMarkActivities,
  BuildRecordActivities,
  BuildStepActivities,
} from '../../activities/build/contracts';
import { HandOver } from '../../activities/build/hand-over';
import { createHoldActivities } from '../../activities/build/hold-builder';
import type { BuildImageInput } from '../../workflows/shared/contracts';
import { QUEUES, hostQueue } from '../../workflows/shared/queues';

/** What happened, in order: the steps of a build and what was written into its record. */
export class FakeBuilds {
  readonly events: string[] = [];
  /** Throws while the engine is away. */
  ping: () => string = () => 'OK';
  /** Replace single activities per test. */
  steps: Partial<BuildStepActivities> = {};
  records: Partial<BuildMarkActivities & BuildRecordActivities> = {};
  readonly handOver = new HandOver();
  readonly host = hostQueue(`fake-${randomUUID().slice(0, 8)}`);

  /** Local activities of the build workflows, for `runWithWorker`. */
  get activities(): BuildMarkActivities {
    return this.#recordActivities();
  }

  /** All queues of the build workflows, for `runWithWorker`. */
  queues(client: Client): Record<string, object> {
    return {
      [QUEUES.build]: createHoldActivities({
        ...{ client, taskQueue: this.host, handOver: this.handOver, heartbeatMs: 100 },
        engine: { ping: () => Promise.resolve().then(() => this.ping()) },
      }),
      [this.host]: this.#stepActivities(),
      [QUEUES.maintenance]: this.#recordActivities(),
    };
  }

  #stepActivities(): BuildStepActivities {
    const note = (name: string, attempt: number) => void this.events.push(`${name} ${attempt}`);
    const { steps } = this;
    return {
      async cloneSource(attempt) {
        note('clone', attempt.attempt);
        await steps.cloneSource?.(attempt);
      },
      async prepareContext(attempt) {
        note('context', attempt.attempt);
        return (
          (await steps.prepareContext?.(attempt)) ?? { context: '', dockerfile: 'Dockerfile', baseImages: [] }
        );
      },
      async checkBaseImages(attempt, images) {
        await steps.checkBaseImages?.(attempt, images);
      },
      async buildImage(attempt, prepared) {
        note('build', attempt.attempt);
        return (await steps.buildImage?.(attempt, prepared)) ?? 'sha256:image';
      },
      async pushImage(attempt, imageId) {
        note('push', attempt.attempt);
        return (await steps.pushImage?.(attempt, imageId)) ?? 'sha256:digest';
      },
      async cleanUp(attempt) {
        note('clean', attempt.attempt);
        await steps.cleanUp?.(attempt);
      },
    };
  }

  #recordActivities(): BuildMarkActivities & BuildRecordActivities {
    const note = (text: string) => void this.events.push(text);
    return {
      beginAttempt: ({ attempt }) =>
        Promise.resolve({ attempt, tags: ['main', 'latest'], pushedDigest: null }),
      markBuild: (_, phase) => Promise.resolve(note(phase)).then(() => 'current' as const),
      recordLostAttempt: ({ attempt }, message) => {
        note(`lost ${attempt}: ${message}`);
        return Promise.resolve('current');
      },
      completeBuild: (_, { manifestDigest }) => {
        note(`complete ${manifestDigest}`);
        return Promise.resolve('current');
      },
      completePushedBuild: ({ attempt }) => {
        note(`complete what was pushed before attempt ${attempt}`);
        return Promise.resolve('current');
      },
      failBuild: (_, { phase, code, message }) => {
        note(`${phase} ${code}: ${message}`);
        return Promise.resolve('current');
      },
      recordCancelledBuild: () => Promise.resolve(note('cancelled')),
      archiveLog: () => Promise.resolve(note('archive')),
      keepOpenBuilds: (ids) => Promise.resolve(ids),
      ...this.records,
    };
  }
}

export function buildInput(extra: Partial<BuildImageInput> = {}): BuildImageInput {
  return {
    buildId: randomUUID(),
    namespace: 'acme',
    repository: 'acme/app',
    triggerKind: 'custom-git',
    displayName: 'aabbccd',
    timings: { buildRetryMs: 10, buildStepRetryMs: 10, holdHeartbeatMs: 1000 },
    ...extra,
  };
}
