import { proxyActivities } from '@temporalio/workflow';

import type { SweepStorageActivities } from '../activities/maintain/sweep-storage';
import type { SweepStorageInput } from './shared/contracts';
import { QUEUES } from './shared/queues';

export interface SweepReport {
  files: number;
}

/** Removes the files in storage that no row explains: a process that dies between file and row leaves one. */
export async function sweepStorage(input: SweepStorageInput = {}): Promise<SweepReport> {
  const activities = proxyActivities<SweepStorageActivities>({
    taskQueue: QUEUES.maintenance,
    // A folder of millions of files is looked through in minutes, a bucket in hours.
    startToCloseTimeout: '6h',
    heartbeatTimeout: '5m',
    cancellationType: 'TRY_CANCEL',
    retry: { initialInterval: input.timings?.retryInitialMs ?? '1m', maximumInterval: '30m' },
  });
  return { files: await activities.sweepStorage() };
}
