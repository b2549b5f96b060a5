import { proxyActivities } from '@temporalio/workflow';

import type { PurgeActivities } from '../activities/maintain/purge-outbox';
import type { PurgeOutboxInput } from './shared/contracts';
import { QUEUES } from './shared/queues';

/** Deletes outbox rows that Temporal has had for a day; how many it were. */
export async function purgeOutbox(input: PurgeOutboxInput = {}): Promise<number> {
  const { purgeOutboxRows } = proxyActivities<PurgeActivities>({
    taskQueue: QUEUES.maintenance,
    startToCloseTimeout: '10m',
    heartbeatTimeout: '30s',
    cancellationType: 'TRY_CANCEL',
    retry: { initialInterval: input.timings?.retryInitialMs ?? '10s', maximumInterval: '10m' },
  });
  return purgeOutboxRows();
}
