import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import Docker from 'dockerode';

import { createBuildStepActivities } from '../../activities/build/build-steps';
import { HandOver } from '../../activities/build/hand-over';
import type { BuildStepActivities } from '../../activities/build/contracts';
import type { BuildStepDeps } from '../../activities/build/step-deps';
import type { BuildAttempt } from '../../commands/builds/build-attempts';
import { beginAttempt } from '../../commands/builds/build-attempts';
import { generateSshKey } from '../../commands/triggers/ssh-key';
import type { SshKey } from '../../commands/triggers/ssh-key';
import type { Build } from '../../db/entities/builds';
import { BuildLogEntry, BuildTrigger } from '../../db/entities/builds';
import { createAddressPolicy } from '../../outbound/address-policy';
import { BUILD_USER_ERROR } from '../../workflows/shared/failure-types';
import type { BuildBench } from './build-bench';
import { buildBench } from './build-bench';

/** The steps of one build on this machine, outside Temporal. */
export interface StepBench extends BuildBench {
  workDir: string;
  steps: BuildStepActivities;
  key: SshKey;
  /** A build whose first attempt has begun. */
  begin(columns?: Partial<Build>): Promise<{ build: Build; attempt: BuildAttempt }>;
  handOver: HandOver;
  /** Runs an activity; `environment` can cancel it. */
  run<T>(work: () => Promise<T>, environment?: MockActivityEnvironment): Promise<T>;
  messagesOf(build: Build): Promise<string[]>;
  dispose(): void;
}

const CONFIG: Omit<BuildStepDeps['config'], 'BUILD_WORK_DIR'> = {
  SERVER_HOSTNAME: 'reg.example',
  BUILD_SOURCE_IDLE_TIMEOUT: 60,
  BUILD_SOURCE_TIMEOUT: 900,
  BUILD_SOURCE_MAX_SIZE_BYTES: 1024 ** 3,
  BUILD_SOURCE_MAX_FILES: 10_000,
};

type StepBenchOptions = Partial<
  Omit<BuildStepDeps, 'config'> & {
    config: Partial<BuildStepDeps['config']>;
    /** Stays when the bench is disposed of; a folder of the bench's own by default. */
    workDir: string;
  }
>;

export async function stepBench({ workDir: given, ...deps }: StepBenchOptions = {}): Promise<StepBench> {
  const bench = await buildBench();
  const workDir = given ?? mkdtempSync(join(tmpdir(), 'slipway-builds-'));
  const key = await generateSshKey();
  await bench.dataSource.manager.update(BuildTrigger, bench.trigger.id, key);
  const handOver = new HandOver();
  const stepDeps = {
    dataSource: bench.dataSource,
    now: () => Date.now(),
    policy: createAddressPolicy({ allowedNetworks: ['127.0.0.0/8'] }),
    docker: new Docker(),
    ...deps,
    config: { ...CONFIG, ...deps.config, BUILD_WORK_DIR: workDir },
  };
  const steps = createBuildStepActivities(stepDeps, handOver);
  return {
    ...bench,
    workDir,
    steps,
    handOver,
    key,
    async begin(columns) {
      const build = await bench.addBuild(columns);
      const attempt = { buildId: build.uuid, attempt: 1 };
      await beginAttempt(bench.deps, attempt);
      return { build, attempt };
    },
    run: (work, environment = new MockActivityEnvironment()) => environment.run(work),
    async messagesOf(build) {
      const rows = await bench.dataSource.manager.find(BuildLogEntry, {
        where: { buildId: build.id },
        order: { position: 'ASC' },
      });
      return rows.map((row) => row.message);
    },
    dispose() {
      if (given === undefined) rmSync(workDir, { recursive: true, force: true });
    },
  };
}

/** A check for `assert.rejects`: what ends a build in phase `error`, with this code and a message like that. */
export function isUserError(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof ApplicationFailure) || error.type !== BUILD_USER_ERROR) throw error;
    if (error.details?.[0] !== code || !message.test(error.message)) {
      throw new Error(`${String(error.details?.[0])}: ${error.message}`);
    }
    return true;
  };
}
