import type { EntityManager } from 'typeorm';
import { In } from 'typeorm';

import { Blob, Upload } from '../entities/content';

/** Id or uuid of a session, as the key of a blob has it. */
type Publisher = number | string;

/**
 * Those of the stored blobs that no row names, and whose session, named by their keys, cannot record them any more. One
 * transaction adds the row and ends the session: who looks for the row after the session is gone finds it.
 */
export async function blobsWithoutRow(
  manager: EntityManager,
  blobs: readonly { key: string; publisher: Publisher }[],
): Promise<Set<string>> {
  if (blobs.length === 0) return new Set();
  const publishers = blobs.map(({ publisher }) => publisher);
  const sessions = await manager.find(Upload, {
    select: { id: true, uuid: true },
    where: [
      { id: In(publishers.filter((publisher) => typeof publisher === 'number')) },
      { uuid: In(publishers.filter((publisher) => typeof publisher === 'string')) },
    ],
  });
  const open = new Set<Publisher>(sessions.flatMap(({ id, uuid }) => [id, uuid]));
  const keys = blobs.filter(({ publisher }) => !open.has(publisher)).map(({ key }) => key);
  const rows = await manager.find(Blob, { select: { storageKey: true }, where: { storageKey: In(keys) } });
  const known = new Set(rows.map(({ storageKey }) => storageKey));
  return new Set(keys.filter((key) => !known.has(key)));
}

/** How far this database has seen: its last session, and when its blobs were made, in milliseconds since the epoch. */
export interface Horizon {
  lastUploadId: number;
  /** Of the blob that was published last, by its generation; null without one. */
  lastStorageKey: string | null;
  /** Null without a blob. */
  firstBlobMs: number | null;
  lastBlobMs: number | null;
}

export async function findHorizon(manager: EntityManager): Promise<Horizon> {
  const [row] = await manager.query<Horizon[]>(
    `SELECT (SELECT COALESCE(MAX(id), 0) FROM upload) AS lastUploadId,
       (SELECT storage_key FROM stored_blob WHERE storage_key LIKE 'sha%'
         ORDER BY CAST(SUBSTRING_INDEX(storage_key, '.', -1) AS UNSIGNED) DESC LIMIT 1) AS lastStorageKey,
       MIN(created_at_ms) AS firstBlobMs, MAX(created_at_ms) AS lastBlobMs FROM stored_blob`,
  );
  return row ?? { lastUploadId: 0, lastStorageKey: null, firstBlobMs: null, lastBlobMs: null };
}

export type UploadLeftover = 'session-gone' | 'earlier-owner';

/** Why nobody needs these files of uploads any more; those that somebody does are absent. */
export async function uploadLeftovers(
  manager: EntityManager,
  uploads: readonly { key: string; uuid: string; epoch: number }[],
): Promise<Map<string, UploadLeftover>> {
  if (uploads.length === 0) return new Map();
  const sessions = await manager.find(Upload, {
    select: { uuid: true, epoch: true, storageKey: true },
    where: { uuid: In([...new Set(uploads.map(({ uuid }) => uuid))]) },
  });
  const byUuid = new Map(sessions.map((session) => [session.uuid, session]));
  const leftovers = new Map<string, UploadLeftover>();
  for (const { key, uuid, epoch } of uploads) {
    const session = byUuid.get(uuid);
    if (!session) leftovers.set(key, 'session-gone');
    // Whoever takes a session over writes under its new epoch before the row names that file.
    else if (session.storageKey !== key && session.epoch !== epoch) leftovers.set(key, 'earlier-owner');
  }
  return leftovers;
}
