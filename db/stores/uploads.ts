import type { DataSource, EntityManager } from 'typeorm';
import { IsNull, LessThanOrEqual, Not } from 'typeorm';

import { Upload } from '../entities/content';
import { repeatOnLockConflict } from '../lock-conflict';

/** The session as it is now; undefined when this repository has no such session any more. */
export async function findUpload(
  manager: EntityManager,
  repositoryId: number,
  uuid: string,
  nowMs: number,
): Promise<Upload | undefined> {
  const upload = await manager.findOneBy(Upload, { uuid, repositoryId });
  return upload && isSession(upload, uuid, nowMs) ? upload : undefined;
}

/** The same, locked until the transaction ends. */
export async function lockUpload(
  manager: EntityManager,
  repositoryId: number,
  uuid: string,
  nowMs: number,
): Promise<Upload | undefined> {
  const upload = await manager.findOne(Upload, {
    where: { uuid, repositoryId },
    lock: { mode: 'pessimistic_write' },
  });
  return upload && isSession(upload, uuid, nowMs) ? upload : undefined;
}

/** The database takes blanks at the end of a text for nothing, and what a client wrote goes into headers. */
function isSession(upload: Upload, uuid: string, nowMs: number): boolean {
  return upload.uuid === uuid && upload.expiresAtMs > nowMs;
}

export interface UploadProgress {
  storageKey: string;
  receivedBytes: number;
  /** Until when others must keep off; null when no body is under way. */
  leaseUntilMs: number | null;
}

/** Writes progress for the owner of this epoch; false when another process has taken the session meanwhile. Not in a transaction. */
export async function recordProgress(
  { manager }: DataSource,
  { uuid, epoch }: Pick<Upload, 'uuid' | 'epoch'>,
  progress: Partial<UploadProgress>,
): Promise<boolean> {
  const { affected } = await repeatOnLockConflict(() => manager.update(Upload, { uuid, epoch }, progress));
  return affected === 1;
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
