import type { DataSource, EntityManager } from 'typeorm';
import { IsNull, LessThanOrEqual, Not } from 'typeorm';

import { Upload } from '../entities/content';
import { repeatOnLockConflict } from '../lock-conflict';
import { execute } from '../pool';

// Written SQL: these statements run for every blob that is pushed (performance spec 6).

/** Its id. */
export async function insertUpload(manager: EntityManager, upload: Omit<Upload, 'id'>): Promise<number> {
  const { insertId } = await execute<{ insertId: number }>(
    manager,
    `INSERT INTO upload (uuid, repository_id, received_bytes, storage_key, epoch, lease_owner, lease_until_ms,
       created_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      ...[upload.uuid, upload.repositoryId, upload.receivedBytes, upload.storageKey, upload.epoch],
      ...[upload.leaseOwner, upload.leaseUntilMs, upload.createdAtMs, upload.expiresAtMs],
    ],
  );
  return insertId;
}

export type OpenUpload = Pick<
  Upload,
  'id' | 'uuid' | 'receivedBytes' | 'storageKey' | 'epoch' | 'leaseOwner' | 'leaseUntilMs'
>;

const FIND_UPLOAD = `SELECT id, uuid, received_bytes AS receivedBytes, storage_key AS storageKey, epoch,
    lease_owner AS leaseOwner, lease_until_ms AS leaseUntilMs
  FROM upload WHERE uuid = ? AND repository_id = ? AND expires_at_ms > ?`;

/** The session as it is now; undefined when this repository has no such session any more. */
export async function findUpload(
  manager: EntityManager,
  repositoryId: number,
  uuid: string,
  nowMs: number,
): Promise<OpenUpload | undefined> {
  return sessionOf(await manager.query<OpenUpload[]>(FIND_UPLOAD, [uuid, repositoryId, nowMs]), uuid);
}

/** The same, locked until the transaction ends. */
export async function lockUpload(
  manager: EntityManager,
  repositoryId: number,
  uuid: string,
  nowMs: number,
): Promise<OpenUpload | undefined> {
  const rows = await execute<OpenUpload[]>(manager, `${FIND_UPLOAD} FOR UPDATE`, [uuid, repositoryId, nowMs]);
  return sessionOf(rows, uuid);
}

/** The database takes blanks at the end of a text for nothing, and what a client wrote goes into headers. */
function sessionOf([upload]: OpenUpload[], uuid: string): OpenUpload | undefined {
  return upload?.uuid === uuid ? upload : undefined;
}

/** Gives a locked session to an owner. */
export async function leaseUpload(
  manager: EntityManager,
  { id }: OpenUpload,
  lease: Pick<Upload, 'epoch' | 'leaseOwner' | 'leaseUntilMs' | 'expiresAtMs'>,
): Promise<void> {
  await execute<unknown>(
    manager,
    `UPDATE upload SET epoch = ?, lease_owner = ?, lease_until_ms = ?, expires_at_ms = ? WHERE id = ?`,
    [lease.epoch, lease.leaseOwner, lease.leaseUntilMs, lease.expiresAtMs, id],
  );
}

/**
 * Gives an idle session to the owner that had it last; false when it is not as described any more, or has expired. Not in a
 * transaction.
 */
export async function leaseIdleUpload(
  { manager }: DataSource,
  {
    id,
    epoch,
    repositoryId,
    receivedBytes,
    leaseOwner,
  }: Omit<Upload, 'leaseUntilMs' | 'createdAtMs' | 'expiresAtMs'>,
  { nowMs, lease }: { nowMs: number; lease: { leaseUntilMs: number; expiresAtMs: number } },
): Promise<boolean> {
  const { affectedRows } = await repeatOnLockConflict(() =>
    manager.query<{ affectedRows: number }>(
      `UPDATE upload SET lease_until_ms = ?, expires_at_ms = ?
        WHERE id = ? AND epoch = ? AND repository_id = ? AND received_bytes = ? AND lease_owner = ?
          AND lease_until_ms IS NULL AND expires_at_ms > ?`,
      [lease.leaseUntilMs, lease.expiresAtMs, id, epoch, repositoryId, receivedBytes, leaseOwner, nowMs],
    ),
  );
  return affectedRows === 1;
}

/** Ends the session if it is still of this epoch and repository and has not expired; false when it is not. */
export async function endUpload(
  manager: EntityManager,
  { id, epoch, repositoryId }: Pick<Upload, 'id' | 'epoch' | 'repositoryId'>,
  nowMs: number,
): Promise<boolean> {
  const { affectedRows } = await execute<{ affectedRows: number }>(
    manager,
    `DELETE FROM upload WHERE id = ? AND epoch = ? AND repository_id = ? AND expires_at_ms > ?`,
    [id, epoch, repositoryId, nowMs],
  );
  return affectedRows === 1;
}

export interface UploadProgress {
  storageKey: string;
  receivedBytes: number;
  /** Until when others must keep off; null when no body is under way. */
  leaseUntilMs: number | null;
}

const PROGRESS_COLUMNS: Record<keyof UploadProgress, string> = {
  storageKey: 'storage_key',
  receivedBytes: 'received_bytes',
  leaseUntilMs: 'lease_until_ms',
};

/** Writes progress for the owner of this epoch; false when another process has taken the session meanwhile. Not in a transaction. */
export async function recordProgress(
  { manager }: DataSource,
  { uuid, epoch }: Pick<Upload, 'uuid' | 'epoch'>,
  progress: Partial<UploadProgress>,
): Promise<boolean> {
  const fields = Object.keys(progress) as (keyof UploadProgress)[];
  const { affectedRows } = await repeatOnLockConflict(() =>
    manager.query<{ affectedRows: number }>(
      `UPDATE upload SET ${fields.map((field) => `${PROGRESS_COLUMNS[field]} = ?`).join(', ')} WHERE uuid = ? AND epoch = ?`,
      [...fields.map((field) => progress[field]), uuid, epoch],
    ),
  );
  return affectedRows === 1;
}

/** Takes the session away from the owner of this epoch; false when it goes on under another. Not in a transaction. */
export async function deleteUpload(
  { manager }: DataSource,
  { uuid, epoch }: Pick<Upload, 'uuid' | 'epoch'>,
): Promise<boolean> {
  await repeatOnLockConflict(() => manager.delete(Upload, { uuid, epoch }));
  return !(await manager.existsBy(Upload, { uuid }));
}

/** What a process was receiving when it was last heard of. */
export async function findStreamingUploads(
  manager: EntityManager,
  leaseOwner: string,
): Promise<Pick<Upload, 'uuid' | 'epoch'>[]> {
  return manager.find(Upload, {
    select: { uuid: true, epoch: true },
    where: { leaseOwner, leaseUntilMs: Not(IsNull()) },
  });
}

/** Sessions that nobody can take up again. */
export async function findExpiredUploads(
  manager: EntityManager,
  nowMs: number,
  limit: number,
): Promise<Pick<Upload, 'id' | 'storageKey'>[]> {
  return manager.find(Upload, {
    select: { id: true, storageKey: true },
    where: { expiresAtMs: LessThanOrEqual(nowMs) },
    order: { expiresAtMs: 'ASC' },
    take: limit,
  });
}

export async function deleteExpiredUpload(manager: EntityManager, id: number, nowMs: number): Promise<void> {
  await manager.delete(Upload, { id, expiresAtMs: LessThanOrEqual(nowMs) });
}
