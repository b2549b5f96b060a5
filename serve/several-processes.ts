import { once } from 'node:events';

import type { Config } from '../config/schema';
import { startHealthServer, unlessStopping } from '../telemetry/health';
import type { Logger } from '../telemetry/logger';
import { createMetrics } from '../telemetry/metrics';
import type { ShutdownSignals } from '../telemetry/run-process';
import { startMailCatcher } from './mail-catcher';
import { ServingProcesses } from './serving-processes';

/**
 * `serve` on several cores: this process takes no request itself, it hands connections out in turn, looks after the others,
 * and speaks for them. What there must be only one of runs here.
 */
export async function superviseServing(
  { config, count, logger }: { config: Config; count: number; logger: Logger },
  { stopping, hurrying }: ShutdownSignals,
): Promise<void> {
  const metrics = createMetrics('serve');
  const processes = new ServingProcesses({ count, metrics, logger });
  stopping.addEventListener('abort', () => processes.stop(), { once: true });
  hurrying.addEventListener('abort', () => processes.hurry(), { once: true });
  const mailCatcher = config.MAIL_CATCHER && (await startMailCatcher(config.MAIL_CATCHER, logger));
  try {
    await processes.start();
    const check = unlessStopping(stopping, () => processes.check());
    const all = { contentType: metrics.contentType, metrics: () => processes.readMetrics() };
    await startHealthServer(config.SLIPWAY_HEALTH_PORT, check, all);
    logger.info({ processes: count }, 'serving on several cores');
    if (!stopping.aborted) await Promise.race([once(stopping, 'abort'), processes.broken]);
  } catch (error) {
    processes.stop();
    // The first error says more than how the others ended after it.
    await processes.ended().catch(() => undefined);
    throw error;
  }
  await processes.ended();
  await mailCatcher?.close();
}
