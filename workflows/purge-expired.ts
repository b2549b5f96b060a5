import { patched, proxyActivities } from '@temporalio/workflow';

import type { PurgeActivities } from '../activities/maintain/purge';
import type { PurgeExpiredInput } from './shared/contracts';
import { QUEUES } from './shared/queues';

export interface PurgeReport {
  outboxRows: number;
  uploads: number;
  logins: number;
}

/** Deletes outbox rows that Temporal has had for a day, upload sessions that nobody came back to, and forgotten failures to sign in. */
export async function purgeExpired(input: PurgeExpiredInput = {}): Promise<PurgeReport> {
  const { purgeOutboxRows, purgeUploads, purgeLogins } = proxyActivities<PurgeActivities>({
    taskQueue: QUEUES.maintenance,
    startToCloseTimeout: '10m',
    heartbeatTimeout: '30s',
    cancellationType: 'TRY_CANCEL',
    retry: { initialInterval: input.timings?.retryInitialMs ?? '10s', maximumInterval: '10m' },
  });
  const outboxRows = await purgeOutboxRows();
  const uploads = await purgeUploads();
  return { outboxRows, uploads, logins: patched('purge-logins') ? await purgeLogins() : 0 };
}
