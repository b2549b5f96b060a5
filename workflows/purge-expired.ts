import { proxyActivities } from '@temporalio/workflow';

import type { PurgeActivities } from '../activities/maintain/purge';
import type { PurgeExpiredInput } from './shared/contracts';
import { QUEUES } from './shared/queues';

export interface PurgeReport {
  outboxRows: number;
  uploads: number;
}

/** Deletes outbox rows that Temporal has had for a day, and upload sessions that nobody came back to. */
export async function purgeExpired(input: PurgeExpiredInput = {}): Promise<PurgeReport> {
  const { purgeOutboxRows, purgeUploads } = proxyActivities<PurgeActivities>({
    taskQueue: QUEUES.maintenance,
    startToCloseTimeout: '10m',
    heartbeatTimeout: '30s',
    cancellationType: 'TRY_CANCEL',
    retry: { initialInterval: input.timings?.retryInitialMs ?? '10s', maximumInterval: '10m' },
  });
  return { outboxRows: await purgeOutboxRows(), uploads: await purgeUploads() };
}
