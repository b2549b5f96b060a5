import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { Client } from '@temporalio/client';
import type { NativeConnection, WorkerOptions } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import type { DataSource } from 'typeorm';

import { createBuildMarkActivities, createBuildRecordActivities } from '../activities/build/build-records';
import { createBuildStepActivities } from '../activities/build/build-steps';
import { createEngine } from '../activities/build/engine';
import type { HandOver } from '../activities/build/hand-over';
import { createHoldActivities } from '../activities/build/hold-builder';
import type { BuildStepDeps } from '../activities/build/step-deps';
import { createDeliverActivities } from '../activities/deliver/activities';
import { createMailer } from '../activities/deliver/mailer';
import { ReceiverPlaces } from '../activities/deliver/receiver-places';
import { createOrphanActivities } from '../activities/maintain/orphans';
import { createPurgeActivities } from '../activities/maintain/purge';
import { createSweepStorageActivities } from '../activities/maintain/sweep-storage';
import { createScanActivities, createScanPlanActivities } from '../activities/scan/activities';
import { AdvisoryRefresher } from '../activities/scan/advisory-refresher';
import type { BuildDeps } from '../commands/builds/build-deps';
import type { Config } from '../config/schema';
import { createAddressPolicy } from '../outbound/address-policy';
import { parseDurationMs } from '../model/durations';
import { createOutboundHttp } from '../outbound/http';
import { indexerState } from '../scanner/indexer-state';
import type { Storage } from '../storage/driver';
import type { Logger } from '../telemetry/logger';
import { QUEUES, hostQueue } from '../workflows/shared/queues';
import { retryElsewhere } from './retry-elsewhere';

export type HostedQueue = keyof typeof QUEUES;

export interface WorkerContext {
  config: Config;
  logger: Logger;
  dataSource: DataSource;
  /** Milliseconds since the epoch. */
  now: () => number;
  connection: NativeConnection;
  client: Client;
  storage: Storage;
  /** Names this machine's own queue of build steps. */
  hostId: string;
  /** How this process lets go of its builds. */
  handOver: HandOver;
}

type Hosted = Omit<WorkerOptions, 'connection' | 'namespace'>;

const MINUTE_MS = 60_000;
/** Calls to receivers are sockets that wait; `ReceiverPlaces` shares them out. */
const DELIVER_SLOTS = 400;

/** Which queue hosts what; options of temporal spec 15. */
const HOSTS: Record<HostedQueue, (context: WorkerContext) => Hosted[]> = {
  orchestration: (context) => [
    {
      taskQueue: QUEUES.orchestration,
      ...workflowCode(),
      activities: localActivities(context),
      maxCachedWorkflows: 500,
      maxConcurrentWorkflowTaskExecutions: 40,
      shutdownGraceTime: '5s',
    },
  ],

  build: (context) => {
    const { client, config, hostId, handOver } = context;
    const taskQueue = hostQueue(hostId);
    return [
      {
        taskQueue: QUEUES.build,
        activities: createHoldActivities({
          ...{ client, taskQueue, handOver },
          engine: createEngine(config.DOCKER_HOST),
        }),
        // A hold lasts as long as its build: this is the number of builds at once.
        maxConcurrentActivityTaskExecutions: config.BUILD_CONCURRENCY,
        maxHeartbeatThrottleInterval: '1s',
        // The hand-over ends them before these do.
        shutdownGraceTime: buildGraceMs(config) + MINUTE_MS,
        shutdownForceTime: buildGraceMs(config) + 2 * MINUTE_MS,
      },
      {
        taskQueue,
        activities: createBuildStepActivities(buildStepDeps(context), handOver),
        // One step per hold, and the clean-up of builds that were just lost.
        maxConcurrentActivityTaskExecutions: config.BUILD_CONCURRENCY * 2,
        // A cancel has to reach the engine within 5 s.
        maxHeartbeatThrottleInterval: '1s',
        // Builds have been handed over by then; it is for their clean-up.
        shutdownGraceTime: '10s',
      },
    ];
  },

  scan: (context) => [
    {
      taskQueue: QUEUES.scan,
      activities: scanActivities(context),
      maxConcurrentActivityTaskExecutions: 4,
      maxHeartbeatThrottleInterval: '5s',
      // Most layers are read in this time; the others are read by another worker.
      shutdownGraceTime: '15s',
    },
  ],

  deliver: (context) => [
    {
      taskQueue: QUEUES.deliver,
      activities: deliverActivities(context),
      maxConcurrentActivityTaskExecutions: DELIVER_SLOTS,
      // A call in progress lasts seconds; let it end instead of repeating it.
      shutdownGraceTime: '20s',
    },
  ],

  maintenance: (context) => [
    {
      taskQueue: QUEUES.maintenance,
      activities: {
        ...createBuildRecordActivities({ ...buildDeps(context), storage: context.storage }),
        ...createOrphanActivities({
          ...buildDeps(context),
          client: context.client,
          indexerState,
          isScanning: context.config.FEATURE_SECURITY_SCANNER,
        }),
        ...createPurgeActivities({
          dataSource: context.dataSource,
          storage: context.storage,
          now: context.now,
        }),
        ...createSweepStorageActivities(context),
      },
      maxConcurrentActivityTaskExecutions: 20,
      shutdownGraceTime: '10s',
    },
  ],
};

export function isHostedQueue(name: string): name is HostedQueue {
  return name in HOSTS;
}

/** How long a worker goes on with its builds when it is told to stop. */
export function buildGraceMs(config: Config): number {
  return parseDurationMs(config.BUILD_SHUTDOWN_GRACE) ?? 0;
}

/** The workers of these queues, ready to run; they share the connection. */
export async function createWorkers(context: WorkerContext, queues: HostedQueue[]): Promise<Worker[]> {
  const { connection, config } = context;
  const workers: Worker[] = [];
  for (const queue of new Set(queues)) {
    for (const options of HOSTS[queue](context)) {
      workers.push(
        await Worker.create({
          connection,
          namespace: config.TEMPORAL_NAMESPACE,
          shutdownForceTime: '1m',
          interceptors: { activity: [retryElsewhere] },
          ...options,
        }),
      );
    }
  }
  return workers;
}

/** The bundle that the build made; from source there is none and it is made now. */
function workflowCode(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  const codePath = join(__dirname, '..', 'workflow-bundle.js');
  return existsSync(codePath)
    ? { workflowBundle: { codePath } }
    : { workflowsPath: require.resolve('../workflows/index') };
}

function buildDeps({ config, dataSource, now }: WorkerContext): BuildDeps {
  const address = { scheme: config.PREFERRED_URL_SCHEME, host: config.SERVER_HOSTNAME };
  return { dataSource, now, config, address };
}

/** Called by the workflow code beside it, past every queue. */
function localActivities(context: WorkerContext) {
  const deps = buildDeps(context);
  const { config } = context;
  return { ...createBuildMarkActivities(deps), ...createScanPlanActivities({ ...deps, config }) };
}

function scanActivities(context: WorkerContext) {
  const { config, dataSource, now, storage, logger } = context;
  const folder = config.ADVISORIES_PATH;
  const refresher = new AdvisoryRefresher({ dataSource, now, folder, logger });
  return createScanActivities({ ...buildDeps(context), config, storage }, refresher);
}

/** Also for the sweep of a build host. */
export function buildStepDeps({
  config,
  dataSource,
  now,
}: Pick<WorkerContext, 'config' | 'dataSource' | 'now'>): BuildStepDeps {
  return {
    dataSource,
    now,
    config,
    docker: createEngine(config.DOCKER_HOST),
    policy: createAddressPolicy({ allowedNetworks: config.OUTBOUND_ALLOWED_NETWORKS }),
  };
}

function deliverActivities({ config, dataSource, now }: WorkerContext) {
  const policy = createAddressPolicy({ allowedNetworks: config.OUTBOUND_ALLOWED_NETWORKS });
  return createDeliverActivities({
    dataSource,
    now,
    http: createOutboundHttp({ policy }),
    mailer: createMailer(config),
    places: new ReceiverPlaces({ slots: DELIVER_SLOTS }),
    config,
  });
}
