import { heartbeat } from '@temporalio/activity';
import type { DataSource } from 'typeorm';

import { purgeAppTokens } from '../../db/stores/app-tokens';
import { purgeLoginCounters } from '../../db/stores/login-throttle';
import { purgeDelivered } from '../../db/stores/outbox';
import { deleteExpiredUpload, findExpiredUploads } from '../../db/stores/uploads';
import type { Storage } from '../../storage/driver';

export interface PurgeDeps {
  dataSource: DataSource;
  storage: Pick<Storage, 'discardUpload'>;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** Long enough to read in the table what was relayed yesterday. */
const KEPT_MS = 24 * 3600_000;
const PAGE = 1000;

/** All work page by page, answer how much it was, and may be repeated. */
export function createPurgeActivities({ dataSource, storage, now }: PurgeDeps) {
  return {
    /** What was delivered a day ago; parked rows stay. */
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

    /** Sessions that have expired; the bytes go first, so that none is left without its row. */
    async purgeUploads(): Promise<number> {
      const nowMs = now();
      let purged = 0;
      for (;;) {
        const page = await findExpiredUploads(dataSource.manager, nowMs, PAGE);
        for (const { id, storageKey } of page) {
          await storage.discardUpload(storageKey);
          await deleteExpiredUpload(dataSource.manager, id, nowMs);
          purged += 1;
          heartbeat(purged);
        }
        if (page.length < PAGE) return purged;
      }
    },

    /** Wrong passwords that count for nothing any more, and app tokens that expired a day ago. */
    async purgeLogins(): Promise<number> {
      const { manager } = dataSource;
      let purged = 0;
      for (;;) {
        const counters = await purgeLoginCounters(manager, now(), PAGE);
        const page = counters + (await purgeAppTokens(manager, now() - KEPT_MS, PAGE));
        purged += page;
        heartbeat(purged);
        if (page === 0) return purged;
      }
    },
  };
}
export type PurgeActivities = ReturnType<typeof createPurgeActivities>;
