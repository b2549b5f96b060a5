import { Client } from '@temporalio/client';
import type { DataSource } from 'typeorm';

import { loadConfig } from '../config/load';
import { createDataSource } from '../db/data-source';
import { DatabaseClock } from '../db/database-clock';
import { outboxState } from '../db/stores/outbox';
import { dueFromFuture } from '../db/stores/outbox-clock';
import { indexerState } from '../scanner/indexer-state';
import { startHealthServer, unlessStopping } from '../telemetry/health';
import type { Logger } from '../telemetry/logger';
import { createLogger } from '../telemetry/logger';
import { addGauge, createMetrics } from '../telemetry/metrics';
import { runProcess, startMain } from '../telemetry/run-process';
import { createOutboxDeliveries } from './outbox-deliveries';
import { OutboxRelay } from './outbox-relay';
import { lazyConnection } from './runtime';

const MEND_EVERY_MS = 30_000;

/** The process `relay`: any number of them may run. */
async function main(): Promise<void> {
  const config = loadConfig();
  const logger = createLogger('relay', config);
  const dataSource = createDataSource(config);
  const clock = new DatabaseClock(dataSource, logger);
  const connection = lazyConnection(config);
  const client = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
  const state = indexerState();
  const relay = new OutboxRelay({
    dataSource,
    deliver: createOutboxDeliveries({ client, config, indexerState: () => state }),
    logger,
    now: clock.now,
  });

  await runProcess(logger, async ({ stopping }) => {
    const metrics = createMetrics('relay');
    const outbox = shareReads(() => outboxState(dataSource));
    addGauge(metrics, 'slipway_outbox_waiting', 'Outbox rows not delivered yet', async () => {
      return (await outbox()).waiting;
    });
    addGauge(metrics, 'slipway_outbox_parked', 'Outbox rows that Temporal refused too often', async () => {
      return (await outbox()).parked;
    });
    addGauge(metrics, 'slipway_outbox_oldest_seconds', 'Age of the oldest undelivered row', async () => {
      const { oldestWaitingMs } = await outbox();
      return oldestWaitingMs === null ? 0 : (clock.now() - oldestWaitingMs) / 1000;
    });
    addGauge(metrics, 'slipway_relay_connected', '1 while Temporal takes events, 0 while it is away', () =>
      Promise.resolve(relay.isConnected ? 1 : 0),
    );
    await dataSource.initialize();
    await clock.start();
    const mending = setInterval(() => void mend(dataSource, clock, logger), MEND_EVERY_MS);
    await startHealthServer(
      config.SLIPWAY_HEALTH_PORT,
      unlessStopping(stopping, async () => {
        await dataSource.query('SELECT 1');
      }),
      metrics,
    );
    stopping.addEventListener('abort', () => relay.stop());
    logger.info({ temporal: config.TEMPORAL_ADDRESS }, 'relay started');
    await relay.run();
    logger.info({}, 'relay stopped');
    await connection.close();
    clearInterval(mending);
    clock.stop();
    await dataSource.destroy();
  });
}

/** Who asks while an answer is under way gets that one: the gauges of one scrape count the backlog once. */
function shareReads<T>(read: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () => {
    underWay ??= read().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

/** A clock that was set back must not hold events up until it is there again. */
async function mend(dataSource: DataSource, clock: DatabaseClock, logger: Logger): Promise<void> {
  try {
    const rows = await dueFromFuture(dataSource, clock.now());
    if (rows > 0) {
      logger.warn({ rows }, 'the clock was set back; events that waited for a time to come are due');
    }
  } catch (err) {
    logger.debug({ err }, 'the outbox could not be looked at');
  }
}

void startMain(main);
