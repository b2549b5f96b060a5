import { heartbeat } from '@temporalio/activity';
import type { DataSource } from 'typeorm';

import { purgeDelivered } from '../../db/stores/outbox';

export interface PurgeDeps {
  dataSource: DataSource;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** Long enough to read in the table what was relayed yesterday. */
const KEPT_MS = 24 * 3600_000;
const PAGE = 1000;

export function createPurgeActivities({ dataSource, now }: PurgeDeps) {
  return {
    /** Deletes what was delivered a day ago, page by page; how many rows it was. Parked rows stay. */
    async purgeOutboxRows(): Promise<number> {
      const beforeMs = now() - KEPT_MS;
      let purged = 0;
      for (;;) {
        const page = await purgeDelivered(dataSource, beforeMs, PAGE);
        purged += page;
        heartbeat(purged);
        if (page < PAGE) return purged;
      }
    },
  };
}
export type PurgeActivities = ReturnType<typeof createPurgeActivities>;
