import { setTimeout as delay } from 'node:timers/promises';

import type { DataSource } from 'typeorm';

import { cleanUp } from '../activities/build/clean-up';
import { sweepWorkDirectories } from '../activities/maintain/sweep-work-directories';
import type { Config } from '../config/schema';
import type { Logger } from '../telemetry/logger';
import { buildStepDeps } from './hosted-queues';

const EVERY_MS = 30_000;

/**
 * Frees this host of what dead builds left, now and every half minute until told to stop. A loop of the process and no
 * schedule of Temporal's: only this process sees the folder, and it has to work when nobody remembers the host.
 */
export async function sweepBuildHost(
  {
    config,
    dataSource,
    now,
    logger,
  }: { config: Config; dataSource: DataSource; now: () => number; logger: Logger },
  stopping: AbortSignal,
): Promise<void> {
  const steps = buildStepDeps({ config, dataSource, now });
  while (!stopping.aborted) {
    try {
      const removed = await sweepWorkDirectories({
        dataSource,
        now,
        folder: config.BUILD_WORK_DIR,
        cleanUp: (attempt) => cleanUp(steps, attempt),
      });
      if (removed.length > 0) logger.info({ removed }, 'removed what dead builds left');
    } catch (err) {
      logger.warn({ err }, 'work directories could not be swept; trying again');
    }
    try {
      await delay(EVERY_MS, undefined, { signal: stopping });
    } catch {
      // Woken by the signal.
    }
  }
}
