import { log, proxyActivities } from '@temporalio/workflow';

import type { OrphanActivities } from '../activities/maintain/orphans';
import type { ReapOrphansInput } from './shared/contracts';
import { QUEUES } from './shared/queues';

export interface ReapReport {
  settled: number;
  /** Left for the next run, half a minute later. */
  failed: number;
}

/**
 * Makes our record true where a workflow ended without writing its own end: terminated in Temporal's UI, timed out or lost
 * (design 8). One orphan that cannot be settled does not hold up the others.
 */
export async function reapOrphans(input: ReapOrphansInput = {}): Promise<ReapReport> {
  const { findOrphans, settleOrphan } = proxyActivities<OrphanActivities>({
    taskQueue: QUEUES.maintenance,
    startToCloseTimeout: '15s',
    cancellationType: 'TRY_CANCEL',
    // The schedule is the real retry: a run that hangs on would be skipped over by the next ones.
    retry: { initialInterval: input.timings?.retryInitialMs ?? 500, maximumAttempts: 3 },
  });
  const report: ReapReport = { settled: 0, failed: 0 };
  for (const orphan of await findOrphans()) {
    try {
      await settleOrphan(orphan);
      report.settled += 1;
    } catch (error) {
      log.warn('an orphan could not be settled', { kind: orphan.kind, id: orphan.id, error: String(error) });
      report.failed += 1;
    }
  }
  return report;
}
