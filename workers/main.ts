import { hostname } from 'node:os';
import { parseArgs } from 'node:util';

import { Client } from '@temporalio/client';
import type { NativeConnection, Worker } from '@temporalio/worker';

import { loadConfig } from '../config/load';
import type { Config } from '../config/schema';
import { createDataSource, PATIENT_LIMITS } from '../db/data-source';
import { createStorage } from '../storage/create-storage';
import { startHealthServer } from '../telemetry/health';
import type { Logger } from '../telemetry/logger';
import { createLogger } from '../telemetry/logger';
import { createMetrics } from '../telemetry/metrics';
import { runProcess, startMain } from '../telemetry/run-process';
import type { HostedQueue } from './hosted-queues';
import { createWorkers, isHostedQueue } from './hosted-queues';
import { connectWorker, installRuntime } from './runtime';
import { reconcileSchedules } from './schedules';
import { sweepBuildHost } from './sweep-build-host';

/** The process `worker --queues a,b,c`: any number of them per queue. */
async function main(): Promise<void> {
  const queues = readQueues();
  const config = loadConfig();
  const logger = createLogger(`worker ${queues.join(',')}`, config);
  installRuntime(logger);
  await runProcess(logger, async (stopping) => {
    const dataSource = await createDataSource(config, PATIENT_LIMITS).initialize();
    const storage = await createStorage(config);
    let client: Client | undefined;
    let workers: Worker[] = [];
    await startHealthServer(
      config.SLIPWAY_HEALTH_PORT,
      async () => {
        await dataSource.query('SELECT 1');
        await checkWorkers(client, workers);
      },
      createMetrics('worker'),
    );

    const connection = await connectWorker(config, logger, stopping);
    if (connection) {
      client = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
      const hostId = config.BUILD_HOST_ID ?? hostname();
      workers = await createWorkers(
        { config, logger, dataSource, storage, connection, client, hostId },
        queues,
      );
      if (queues.includes('build')) void sweepBuildHost({ config, dataSource, logger }, stopping);
      await serve({ config, logger, connection, client, workers, queues, stopping });
    }
    await dataSource.destroy();
  });
}

interface Serving {
  config: Config;
  logger: Logger;
  connection: NativeConnection;
  client: Client;
  workers: Worker[];
  queues: HostedQueue[];
  stopping: AbortSignal;
}

/** Runs all workers until told to stop, or until one of them fails, which ends the others and throws. */
async function serve({
  config,
  logger,
  connection,
  client,
  workers,
  queues,
  stopping,
}: Serving): Promise<void> {
  const shutdown = () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  stopping.addEventListener('abort', shutdown);
  const running = workers.map(async (worker) => {
    try {
      await worker.run();
    } finally {
      shutdown();
    }
  });
  if (stopping.aborted) shutdown();
  const prepared = prepare(client, config, queues, logger).catch((error: unknown) => {
    shutdown();
    throw error;
  });
  const ends = await Promise.allSettled([...running, prepared]);
  await connection.close();
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  logger.info({ queues }, 'worker stopped');
}

async function prepare(client: Client, config: Config, queues: HostedQueue[], logger: Logger): Promise<void> {
  if (queues.includes('maintenance')) await reconcileSchedules(client, config);
  logger.info({ queues, temporal: config.TEMPORAL_ADDRESS }, 'worker started');
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
