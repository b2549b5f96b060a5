import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import type { ApiDeps } from '../api/api-deps';
import { createApiApp } from '../api/app';
import { createApiRoutes } from '../api/routes';
import { accessPolicy } from '../auth/access';
import { createClientAddress } from '../auth/client-address';
import { createPasswords } from '../auth/passwords';
import { loadConfig } from '../config/load';
import { createDataSource } from '../db/data-source';
import { DatabaseClock } from '../db/database-clock';
import { requireSecretKey } from '../db/secret-key';
import { parseDurationMs } from '../model/durations';
import { createRegistryHandler } from '../registry/handler';
import { createStorage } from '../storage/create-storage';
import { startHealthServer, unlessStopping } from '../telemetry/health';
import { createLogger } from '../telemetry/logger';
import { createMetrics } from '../telemetry/metrics';
import { runProcess, startMain } from '../telemetry/run-process';
import { Drain } from './drain';
import { createHttpServer, listen } from './http-server';
import { startMailCatcher } from './mail-catcher';

/** The process `serve`: the API and the registry on one port; any number of them share database and storage. */
async function main(): Promise<void> {
  const config = loadConfig();
  const logger = createLogger('serve', config);
  await runProcess(logger, async ({ stopping, hurrying }) => {
    const dataSource = await createDataSource(config).initialize();
    await requireSecretKey(dataSource);
    const clock = new DatabaseClock(dataSource, logger);
    await clock.start();
    const storage = await createStorage(config);
    const passwords = createPasswords(config);
    const deps: ApiDeps = {
      ...{ config, logger, dataSource, storage, passwords },
      now: clock.now,
      policy: accessPolicy(config),
      clientAddress: createClientAddress(config),
      address: { scheme: config.PREFERRED_URL_SCHEME, host: config.SERVER_HOSTNAME },
      stopping,
    };

    // One process must never take another's upload for its own, nor one that it held in an earlier life.
    const processId = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`.slice(-64);
    const onWork = (work: Promise<void>) => drain.follow(work);
    const registry = createRegistryHandler({ ...deps, processId, onWork });
    const app = createApiApp(deps, createApiRoutes(deps));
    const server = createHttpServer(registry, app);
    const drain = new Drain(server);

    const mailCatcher = config.MAIL_CATCHER && (await startMailCatcher(config.MAIL_CATCHER, logger));
    await listen(server, config.LISTEN_ADDRESS, config.LISTEN_PORT);
    await startHealthServer(
      config.SLIPWAY_HEALTH_PORT,
      unlessStopping(stopping, async () => {
        await dataSource.query('SELECT 1');
      }),
      createMetrics('serve'),
    );
    logger.info({ address: config.LISTEN_ADDRESS, port: config.LISTEN_PORT }, 'serving');

    if (!stopping.aborted) await once(stopping, 'abort');
    const isClean = await drain.run({
      noticeMs: parseDurationMs(config.SHUTDOWN_NOTICE) ?? 0,
      limitMs: parseDurationMs(config.SHUTDOWN_GRACE) ?? 0,
      hurrying,
    });
    logger.info({ isClean }, 'the last request has ended');
    await mailCatcher?.close();
    clock.stop();
    await dataSource.destroy();
  });
}

void startMain(main);
