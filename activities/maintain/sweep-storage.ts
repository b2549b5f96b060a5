import { heartbeat } from '@temporalio/activity';
import type { DataSource } from 'typeorm';

import type { Horizon } from '../../db/stores/leftovers';
import { blobsWithoutRow, findHorizon, uploadLeftovers } from '../../db/stores/leftovers';
import type { Storage, StoredFile } from '../../storage/driver';
import { PROBE_OBJECTS, publisherOf, readUploadKey } from '../../storage/keys';

interface SweepStorageDeps {
  dataSource: DataSource;
  storage: Pick<Storage, 'listFiles'>;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** What nobody has touched for this long belongs to no call that still runs. */
const QUIET_MS = 3600_000;
const PAGE = 500;

export function createSweepStorageActivities({ dataSource, storage, now }: SweepStorageDeps) {
  async function removeLeftovers(files: readonly StoredFile[], horizon: Horizon): Promise<number> {
    let removed = 0;
    for (const file of await leftoversAmong(dataSource, files)) {
      const state = await file.look();
      if (!state || state.changedAtMs + QUIET_MS > now()) continue;
      if (file.kind === 'blob' && !isWithin(horizon, file.key, state.changedAtMs)) continue;
      await file.remove();
      removed += 1;
    }
    return removed;
  }

  return {
    /** Removes the files that processes left behind when they died; answers how many. May be repeated. */
    async sweepStorage(): Promise<number> {
      const horizon = await findHorizon(dataSource.manager);
      let removed = 0;
      let page: StoredFile[] = [];
      for await (const file of storage.listFiles()) {
        page.push(file);
        if (page.length < PAGE) continue;
        removed += await removeLeftovers(page, horizon);
        heartbeat(removed);
        page = [];
      }
      return removed + (await removeLeftovers(page, horizon));
    },
  };
}
export type SweepStorageActivities = ReturnType<typeof createSweepStorageActivities>;

/** Only what bears a name of ours; what may belong to an open session, to a blob or to the database's objects stays. */
async function leftoversAmong({ manager }: DataSource, files: readonly StoredFile[]): Promise<StoredFile[]> {
  const keysOf = (kind: StoredFile['kind']) =>
    files.filter((file) => file.kind === kind).map(({ key }) => key);
  const blobs = keysOf('blob').map((key) => ({ key, publisher: publisherOf(key) }));
  const uploads = keysOf('upload').map((key) => ({ key, ...readUploadKey(key) }));
  const orphans = await blobsWithoutRow(manager, blobs);
  const abandoned = await uploadLeftovers(manager, uploads);
  return files.filter(
    ({ key, kind }) =>
      kind === 'temporary' || key.startsWith(PROBE_OBJECTS) || orphans.has(key) || abandoned.has(key),
  );
}

/**
 * False for a blob that this database cannot have known: it is then an older one than storage, or not the right one, and must
 * not decide what is lost. A key without the number of its session is judged by its age.
 */
function isWithin(horizon: Horizon, key: string, changedAtMs: number): boolean {
  const { lastUploadId, lastStorageKey, firstBlobMs, lastBlobMs } = horizon;
  const publisher = publisherOf(key);
  if (typeof publisher === 'string') {
    return (
      firstBlobMs !== null && lastBlobMs !== null && changedAtMs >= firstBlobMs && changedAtMs <= lastBlobMs
    );
  }
  const lastPublisher = lastStorageKey === null ? 0 : publisherOf(lastStorageKey);
  return publisher <= Math.max(lastUploadId, Number(lastPublisher));
}
