import type { Client, ScheduleOptions } from '@temporalio/client';
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';

import type { Config } from '../config/schema';
import { parseDurationMs } from '../model/durations';
import { QUEUES } from '../workflows/shared/queues';

export type ScheduleConfig = Pick<Config, 'WORKFLOW_TIMINGS' | 'ADVISORIES_REFRESH_INTERVAL'>;

interface Recurring {
  /** Also the id of the workflows that it starts, with the time of the start behind it. */
  id: string;
  workflow: string;
  everyMs: number;
  /** Shown in Temporal's UI. */
  summary: string;
  /** A run that hangs longer must not keep the next ones away. */
  timeoutMs: number;
  /** Run when a worker starts, too. */
  atStart?: boolean;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function recurring({ WORKFLOW_TIMINGS: timings, ADVISORIES_REFRESH_INTERVAL }: ScheduleConfig): Recurring[] {
  return [
    {
      id: 'reap-orphans',
      workflow: 'reapOrphans',
      everyMs: timings.reapOrphansEveryMs ?? 30_000,
      summary: 'ends builds, scans and deliveries whose workflow has gone',
      timeoutMs: 5 * MINUTE_MS,
    },
    {
      id: 'purge-expired',
      workflow: 'purgeExpired',
      everyMs: timings.purgeExpiredEveryMs ?? HOUR_MS,
      summary: 'deletes events that were relayed a day ago, and forgotten uploads',
      timeoutMs: HOUR_MS,
    },
    {
      id: 'sweep-storage',
      workflow: 'sweepStorage',
      everyMs: timings.sweepStorageEveryMs ?? 24 * HOUR_MS,
      summary: 'removes files that crashes left in storage',
      timeoutMs: 12 * HOUR_MS,
    },
    {
      id: 'update-advisories',
      workflow: 'updateAdvisories',
      everyMs: timings.updateAdvisoriesEveryMs ?? parseDurationMs(ADVISORIES_REFRESH_INTERVAL) ?? 30_000,
      summary: 'takes in what changed in the advisory folder',
      timeoutMs: 2 * HOUR_MS,
      atStart: true,
    },
  ];
}

/** Makes Temporal's schedules those of this version: creates what is missing, changes what differs. May be repeated. */
export async function reconcileSchedules(client: Client, config: ScheduleConfig): Promise<void> {
  for (const entry of recurring(config)) {
    const options = scheduleOptions(entry, config);
    try {
      await client.schedule.create(options);
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      const { spec, action, policies } = options;
      await client.schedule
        .getHandle(options.scheduleId)
        .update((previous) => ({ ...previous, spec, action, policies }));
    }
    if (entry.atStart) await client.schedule.getHandle(options.scheduleId).trigger();
  }
}

function scheduleOptions(entry: Recurring, { WORKFLOW_TIMINGS: timings }: ScheduleConfig): ScheduleOptions {
  return {
    scheduleId: `maintenance:${entry.id}`,
    spec: { intervals: [{ every: entry.everyMs }] },
    action: {
      type: 'startWorkflow',
      workflowType: entry.workflow,
      workflowId: entry.id,
      taskQueue: QUEUES.orchestration,
      args: [{ timings }],
      workflowExecutionTimeout: entry.timeoutMs,
      staticSummary: entry.summary,
    },
    // Unset, the server would catch up with a whole year after an outage.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '10s' },
  };
}
