import { randomUUID } from 'node:crypto';

import type { EntityManager } from 'typeorm';

import type { Upload } from '../../db/entities/content';
import { repeatOnLockConflict } from '../../db/lock-conflict';
import {
  deleteUpload,
  endUpload,
  findStreamingUploads,
  findUpload,
  insertUpload,
  leaseIdleUpload,
  leaseUpload,
  lockUpload,
  recordProgress,
} from '../../db/stores/uploads';
import { isLeaseHeld } from '../../model/leases';
import type { RepositoryPath } from '../../model/names';
import { isMissingParent, runAct } from '../act';
import { ActError } from '../act-error';
import type { Pusher } from './pusher';
import type { ContentDeps } from './content-deps';
import { findForWrite, openForPush, openForWrite } from './push-gate';

/** How long a process may be silent before another one takes its session over by force. */
export const LEASE_MS = 30_000;

export type UploadSession = Pick<
  Upload,
  'id' | 'uuid' | 'repositoryId' | 'receivedBytes' | 'storageKey' | 'epoch'
>;

export interface NewUpload {
  /** Names the process. */
  owner: string;
  /** The body comes with this very request, so the session is leased from the start. */
  isStreaming: boolean;
}

/** Opens a session, and with it the repository when this is the first push to it. */
export async function startUpload(
  deps: ContentDeps,
  pusher: Pusher,
  path: RepositoryPath,
  upload: NewUpload,
): Promise<UploadSession> {
  // One statement needs no transaction; what the session comes to is judged again when it ends.
  const repository = await findForWrite(deps, pusher, path);
  const session = repository && (await openSessionAtOnce(deps, { ...upload, repositoryId: repository.id }));
  if (session) return session;
  return runAct(deps, pusher.actor, async (act) => {
    const { id } = await openForPush(act, deps, pusher, { path, lock: 'share' });
    return openSession(deps, act.manager, { ...upload, repositoryId: id });
  });
}

/** Undefined when the repository has gone since it was seen. */
async function openSessionAtOnce(
  deps: ContentDeps,
  upload: NewUpload & { repositoryId: number },
): Promise<UploadSession | undefined> {
  try {
    return await repeatOnLockConflict(() => openSession(deps, deps.dataSource.manager, upload));
  } catch (error) {
    if (isMissingParent(error)) return undefined;
    throw error;
  }
}

async function openSession(
  deps: ContentDeps,
  manager: EntityManager,
  { repositoryId, owner, isStreaming }: NewUpload & { repositoryId: number },
): Promise<UploadSession> {
  const uuid = randomUUID();
  const nowMs = deps.now();
  const session = { uuid, repositoryId, receivedBytes: 0, storageKey: deps.uploadKey(uuid, 1), epoch: 1 };
  const id = await insertUpload(manager, {
    ...session,
    leaseOwner: owner,
    leaseUntilMs: isStreaming ? nowMs + LEASE_MS : null,
    createdAtMs: nowMs,
    expiresAtMs: nowMs + deps.uploadLifetimeMs,
  });
  return { ...session, id };
}

export type TakenUpload =
  | {
      outcome: 'taken';
      session: UploadSession;
      /**
       * Set when the last owner vanished in the middle of a body: the recorded bytes are to be copied from here to the
       * session's own key, as the old file may still grow. It stays the record until a body ends well.
       */
      abandonedKey: string | null;
    }
  /** Another body of this session is under way. */
  | { outcome: 'busy'; receivedBytes: number };

/**
 * Makes `owner` the one process that may append to a session. The epoch grows with each change of owner. An owner that
 * finished its last body left its file complete, so the next one continues it; after one that vanished the new owner
 * starts a file of its own with what was recorded (performance spec 3.6).
 */
export function takeUpload(
  deps: ContentDeps,
  pusher: Pusher,
  path: RepositoryPath,
  { uuid, owner }: { uuid: string; owner: string },
): Promise<TakenUpload> {
  return runAct(deps, pusher.actor, async (act) => {
    const repository = await openForWrite(act, deps, pusher, { path, lock: 'share' });
    const upload = await lockUpload(act.manager, repository.id, uuid, act.nowMs);
    if (!upload) throw unknownUpload(uuid);
    const { receivedBytes } = upload;
    const isStreaming = upload.leaseUntilMs !== null;
    if (isLeaseHeld(upload.leaseUntilMs, act.nowMs, LEASE_MS)) return { outcome: 'busy', receivedBytes };
    const epoch = upload.leaseOwner === owner && !isStreaming ? upload.epoch : upload.epoch + 1;
    const storageKey = isStreaming ? deps.uploadKey(uuid, epoch) : upload.storageKey;
    await leaseUpload(act.manager, upload, {
      epoch,
      leaseOwner: owner,
      leaseUntilMs: act.nowMs + LEASE_MS,
      expiresAtMs: act.nowMs + deps.uploadLifetimeMs,
    });
    return {
      outcome: 'taken',
      session: { id: upload.id, uuid, repositoryId: repository.id, receivedBytes, storageKey, epoch },
      abandonedKey: isStreaming ? upload.storageKey : null,
    };
  });
}

/**
 * The same for a session that `owner` had last, when it is still as the owner remembers it: one statement, which the end of the
 * session makes up for by judging everything again. False when anything is different.
 */
export function takeIdleUpload(deps: ContentDeps, session: UploadSession, owner: string): Promise<boolean> {
  const nowMs = deps.now();
  const lease = { leaseUntilMs: nowMs + LEASE_MS, expiresAtMs: nowMs + deps.uploadLifetimeMs };
  return leaseIdleUpload(deps.dataSource, { ...session, leaseOwner: owner }, { nowMs, lease });
}

/** Keeps the session while a body streams; false when it was taken by another process. */
export function renewUpload(deps: ContentDeps, session: UploadSession): Promise<boolean> {
  const leaseUntilMs = deps.now() + LEASE_MS;
  return recordProgress(deps.dataSource, session, { leaseUntilMs });
}

/** Records how far a body got, for its owner goes on with the session. */
export function recordUpload(deps: ContentDeps, session: UploadSession): Promise<boolean> {
  const { storageKey, receivedBytes } = session;
  return recordProgress(deps.dataSource, session, { storageKey, receivedBytes });
}

/** Records how far a body got and lets go of the session; false when it was taken by another process meanwhile. */
export function releaseUpload(
  deps: ContentDeps,
  session: UploadSession,
  receivedBytes: number,
): Promise<boolean> {
  const { storageKey } = session;
  return recordProgress(deps.dataSource, session, { storageKey, receivedBytes, leaseUntilMs: null });
}

/**
 * Lets go of a session whose body could not even begin. An owner that vanished before may still write to its file: then the
 * session stays one to be continued in a file of its own.
 */
export function giveUploadBack(
  deps: ContentDeps,
  session: UploadSession,
  abandonedKey: string | null,
): Promise<boolean> {
  if (abandonedKey === null) return releaseUpload(deps, session, session.receivedBytes);
  return recordProgress(deps.dataSource, session, { leaseUntilMs: deps.now() });
}

/**
 * Lets others go on at once with what `owner` was receiving, which must be known to be dead: nothing looks at its lease any
 * more. The sessions stay ones to be continued in a file of their own.
 */
export async function releaseUploadsOf(
  { dataSource, now }: Pick<ContentDeps, 'dataSource' | 'now'>,
  owner: string,
): Promise<void> {
  for (const session of await findStreamingUploads(dataSource.manager, owner)) {
    await recordProgress(dataSource, session, { leaseUntilMs: now() });
  }
}

/** How far a session got, for whoever may push to its repository. */
export function readUpload(
  deps: ContentDeps,
  pusher: Pusher,
  path: RepositoryPath,
  uuid: string,
): Promise<{ receivedBytes: number }> {
  return runAct(deps, pusher.actor, async (act) => {
    const repository = await openForWrite(act, deps, pusher, { path, lock: 'share' });
    const upload = await findUpload(act.manager, repository.id, uuid, act.nowMs);
    if (!upload) throw unknownUpload(uuid);
    return { receivedBytes: upload.receivedBytes };
  });
}

/** Ends a session of this owner that has come to nothing; false when it goes on under another, who may need its bytes. */
export function forgetUpload(deps: ContentDeps, session: UploadSession): Promise<boolean> {
  return deleteUpload(deps.dataSource, session);
}

/** Ends a session; the caller then removes its bytes. */
export function cancelUpload(
  deps: ContentDeps,
  pusher: Pusher,
  path: RepositoryPath,
  uuid: string,
): Promise<{ storageKey: string }> {
  return runAct(deps, pusher.actor, async (act) => {
    const repository = await openForWrite(act, deps, pusher, { path, lock: 'share' });
    const upload = await lockUpload(act.manager, repository.id, uuid, act.nowMs);
    if (!upload) throw unknownUpload(uuid);
    await endUpload(act.manager, { ...upload, repositoryId: repository.id }, act.nowMs);
    return { storageKey: upload.storageKey };
  });
}

export function unknownUpload(uuid: string): ActError {
  return new ActError('not-found', `there is no upload "${uuid}" in this repository`, 'upload');
}
