import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import type { Registry } from 'prom-client';

import { accessPolicy } from '../auth/access';
import { createClientAddress } from '../auth/client-address';
import { createPasswords } from '../auth/passwords';
import { releaseUploadsOf } from '../commands/content/uploads';
import type { Config } from '../config/schema';
import { createDataSource } from '../db/data-source';
import { DatabaseClock } from '../db/database-clock';
import { requireSecretKey } from '../db/secret-key';
import { parseDurationMs } from '../model/durations';
import { createStorage } from '../storage/create-storage';
import type { AccessLog } from '../telemetry/access-log';
import type { HealthCheck } from '../telemetry/health';
import type { Logger } from '../telemetry/logger';
import { createMetrics } from '../telemetry/metrics';
import type { ShutdownSignals } from '../telemetry/run-process';
import { listen } from './http-server';
import type { ProductDeps } from './product-server';
import { createProductServer } from './product-server';
import { readCertificate } from './tls';

/** What a process that takes requests has to say of itself. */
export interface Serving {
  /** Names it as the owner of uploads. */
  processId: string;
  check: HealthCheck;
  metrics: Registry;
  /** Lets others go on with what a process that died was receiving; never rejects. */
  releaseUploadsOf(processId: string): Promise<void>;
}

interface ServeDeps {
  config: Config;
  logger: Logger;
  accessLog: AccessLog | undefined;
  /** Where there are several processes: the metrics of all of them, as Prometheus reads them. */
  readMetrics?: () => Promise<string>;
}

/** Serves the API and the registry until told to stop and the last request has ended; calls `onServing` once it takes requests. */
export async function serveRequests(
  given: ServeDeps,
  { stopping, hurrying }: ShutdownSignals,
  onServing: (serving: Serving) => Promise<unknown> | void,
): Promise<void> {
  const { config, logger } = given;
  const dataSource = await createDataSource(config).initialize();
  await requireSecretKey(dataSource);
  const clock = new DatabaseClock(dataSource, logger);
  await clock.start();
  const metrics = createMetrics('serve');
  const deps: ProductDeps = {
    ...{ readMetrics: () => metrics.metrics(), ...given, metrics, dataSource, stopping },
    ...{ storage: await createStorage(config), passwords: createPasswords(config), now: clock.now },
    certificate: config.LISTEN_TLS && (await readCertificate(config.LISTEN_TLS)),
    policy: accessPolicy(config),
    clientAddress: createClientAddress(config),
    address: { scheme: config.PREFERRED_URL_SCHEME, host: config.SERVER_HOSTNAME },
    // One process must never take another's upload for its own, nor one that it held in an earlier life.
    processId: `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`.slice(-64),
  };
  const { server, drain } = createProductServer(deps);
  await listen(server, config.LISTEN_ADDRESS, config.LISTEN_PORT);
  await onServing(servingOf(deps));
  logger.info({ address: config.LISTEN_ADDRESS, port: config.LISTEN_PORT }, 'serving');

  if (!stopping.aborted) await once(stopping, 'abort');
  const isClean = await drain.run({
    noticeMs: parseDurationMs(config.SHUTDOWN_NOTICE) ?? 0,
    limitMs: parseDurationMs(config.SHUTDOWN_GRACE) ?? 0,
    hurrying,
  });
  logger.info({ isClean }, 'the last request has ended');
  clock.stop();
  await dataSource.destroy();
}

function servingOf({ dataSource, now, logger, processId, metrics }: ProductDeps): Serving {
  return {
    ...{ processId, metrics },
    check: async () => {
      await dataSource.query('SELECT 1');
    },
    async releaseUploadsOf(owner) {
      try {
        await releaseUploadsOf({ dataSource, now }, owner);
      } catch (err) {
        logger.warn({ err, owner }, 'uploads of a process that died wait for their leases to run out');
      }
    },
  };
}
