import { hostname } from 'node:os';
import { parseArgs } from 'node:util';

import { Client } from '@temporalio/client';
import type { Worker } from '@temporalio/worker';

import { cleanUp } from '../activities/build/clean-up';
import { HandOver } from '../activities/build/hand-over';
import { loadConfig } from '../config/load';
import { createDataSource, PATIENT_LIMITS } from '../db/data-source';
import { DatabaseClock } from '../db/database-clock';
import { requireSecretKey } from '../db/secret-key';
import { createStorage } from '../storage/create-storage';
import { startHealthServer, unlessStopping } from '../telemetry/health';
import { createLogger } from '../telemetry/logger';
import { createMetrics } from '../telemetry/metrics';
import type { ShutdownSignals } from '../telemetry/run-process';
import { runProcess, startMain } from '../telemetry/run-process';
import { QUEUES } from '../workflows/shared/queues';
import type { HostedQueue, WorkerContext } from './hosted-queues';
import { buildGraceMs, buildStepDeps, createWorkers, isHostedQueue } from './hosted-queues';
import { runWorkers } from './run-workers';
import { connectWorker, installRuntime } from './runtime';
import { reconcileSchedules } from './schedules';
import { sweepBuildHost } from './sweep-build-host';

/** The process `worker --queues a,b,c`: any number of them per queue. */
async function main(): Promise<void> {
  const queues = readQueues();
  const config = loadConfig();
  const logger = createLogger(`worker ${queues.join(',')}`, config);
  installRuntime(logger);
  await runProcess(logger, async (signals) => {
    const dataSource = await createDataSource(config, PATIENT_LIMITS).initialize();
    await requireSecretKey(dataSource);
    const clock = new DatabaseClock(dataSource, logger);
    await clock.start();
    const { now } = clock;
    const storage = await createStorage(config);
    let client: Client | undefined;
    let workers: Worker[] = [];
    await startHealthServer(
      config.SLIPWAY_HEALTH_PORT,
      unlessStopping(signals.stopping, async () => {
        await dataSource.query('SELECT 1');
        await checkWorkers(client, workers);
      }),
      createMetrics('worker'),
    );

    const connection = await connectWorker(config, logger, signals.stopping);
    if (connection) {
      client = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
      const hostId = config.BUILD_HOST_ID ?? hostname();
      const handOver = new HandOver();
      const context = { config, logger, dataSource, now, storage, connection, client, hostId, handOver };
      workers = await createWorkers(context, queues);
      if (queues.includes('build')) {
        void sweepBuildHost({ config, dataSource, now, logger }, signals.stopping);
      }
      await serve({ context, workers, queues, signals });
      await removeWhatIsLeft(context);
    }
    clock.stop();
    await dataSource.destroy();
  });
}

interface Serving {
  context: WorkerContext;
  workers: Worker[];
  queues: HostedQueue[];
  signals: ShutdownSignals;
}

/** Runs all workers until told to stop, or until one of them or the preparation fails, which ends the others and throws. */
async function serve({ context, workers, queues, signals }: Serving): Promise<void> {
  const { config, logger, connection, handOver } = context;
  const failed = new AbortController();
  const isHolder = ({ options }: Worker) => options.taskQueue === QUEUES.build;
  const running = runWorkers(
    {
      holders: workers.filter(isHolder),
      others: workers.filter((worker) => !isHolder(worker)),
      ...{ handOver, logger, buildGraceMs: buildGraceMs(config) },
    },
    { ...signals, stopping: AbortSignal.any([signals.stopping, failed.signal]) },
  );
  const prepared = prepare(context, queues).catch((error: unknown) => failed.abort(error));
  try {
    await running;
  } finally {
    await prepared;
    await connection.close();
  }
  if (failed.signal.aborted) throw failed.signal.reason;
  logger.info({ queues }, 'worker stopped');
}

async function prepare({ client, config, logger }: WorkerContext, queues: HostedQueue[]): Promise<void> {
  if (queues.includes('maintenance')) await reconcileSchedules(client, config);
  logger.info({ queues, temporal: config.TEMPORAL_ADDRESS }, 'worker started');
}

/** Of builds whose workflows could not ask for it any more. */
async function removeWhatIsLeft({ config, dataSource, now, logger, handOver }: WorkerContext): Promise<void> {
  const steps = buildStepDeps({ config, dataSource, now });
  for (const attempt of handOver.left) {
    try {
      await cleanUp(steps, attempt);
    } catch (err) {
      logger.warn(
        { err, ...attempt },
        'what a build left could not be removed; the next worker here does it',
      );
    }
  }
}

async function checkWorkers(client: Client | undefined, workers: Worker[]): Promise<void> {
  if (!client) throw new Error('Temporal cannot be reached yet');
  await client.withDeadline(Date.now() + 2000, () => client.connection.workflowService.getSystemInfo({}));
  for (const worker of workers) {
    const { runState } = worker.getStatus();
    if (runState !== 'RUNNING') throw new Error(`the worker of ${worker.options.taskQueue} is ${runState}`);
  }
}

function readQueues(): HostedQueue[] {
  const { values } = parseArgs({ options: { queues: { type: 'string' } } });
  const queues = (values.queues ?? '').split(',').filter(Boolean);
  if (queues.length === 0) throw new Error('name the queues to serve: --queues orchestration,deliver,…');
  return queues.map((name) => {
    if (!isHostedQueue(name)) throw new Error(`there is no queue "${name}"`);
    return name;
  });
}

void startMain(main);
