import cluster from 'node:cluster';

import { loadConfig } from '../config/load';
import type { Config } from '../config/schema';
import { createAccessLog } from '../telemetry/access-log';
import { startHealthServer, unlessStopping } from '../telemetry/health';
import type { Logger } from '../telemetry/logger';
import { createLogger } from '../telemetry/logger';
import type { ShutdownSignals } from '../telemetry/run-process';
import { runProcess, startMain } from '../telemetry/run-process';
import { startMailCatcher } from './mail-catcher';
import { serveForSupervisor } from './one-of-several';
import { decideProcessCount } from './process-count';
import { serveRequests } from './serve-requests';
import { superviseServing } from './several-processes';

/** The process `serve`: the API and the registry on one port; any number of them share database and storage. */
function main(): Promise<void> {
  const config = loadConfig();
  if (cluster.isWorker) return serveForSupervisor(config);
  const logger = createLogger('serve', config);
  return runProcess(logger, async (signals) => {
    const count = await decideProcessCount(config, logger);
    if (count > 1) await superviseServing({ config, count, logger }, signals);
    else await serveAlone({ config, logger }, signals);
  });
}

async function serveAlone(
  { config, logger }: { config: Config; logger: Logger },
  signals: ShutdownSignals,
): Promise<void> {
  const mailCatcher = config.MAIL_CATCHER && (await startMailCatcher(config.MAIL_CATCHER, logger));
  const accessLog = createAccessLog(config, { part: 'serve' });
  await serveRequests({ config, logger, accessLog }, signals, ({ check, metrics }) =>
    startHealthServer(config.SLIPWAY_HEALTH_PORT, unlessStopping(signals.stopping, check), metrics),
  );
  await mailCatcher?.close();
}

void startMain(main);
