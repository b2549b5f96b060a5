import type { Act } from '../act';
import { runAct } from '../act';
import { Blob } from '../../db/entities/content';
import { addAlias } from '../../db/stores/blob-digests';
import { holdBlob, insertBlobOnce, lockBlob, reviveBlobs } from '../../db/stores/blobs';
import { endUpload } from '../../db/stores/uploads';
import type { RepositoryPath } from '../../model/names';
import type { Pusher } from './pusher';
import type { ContentDeps } from './content-deps';
import { fillGapsWithBlob } from './fill-gaps';
import { openForWrite } from './push-gate';
import type { UploadSession } from './uploads';
import { unknownUpload } from './uploads';

/** What is known of a digest's bytes in storage when a session is about to end in them. */
export interface ReceivedBlob {
  /** By which it is stored. */
  digest: string;
  /** What the client calls it; compared with the bytes too. */
  announced: string;
  sizeBytes: number;
  /** The key of the digest's row whose object was seen in storage; null when there is none. */
  presentKey: string | null;
  /** The key of the digest's row whose object is missing: the row must be pointed at ours. */
  missingKey: string | null;
  /** Where the caller has made its own copy durable; null before it did. */
  publishedKey: string | null;
}

export type CommitOutcome =
  /** Linked; when the key is not the caller's own, another push was first and the own copy is to be removed. */
  | { outcome: 'linked'; storageKey: string }
  /** Nothing was written: make the bytes durable under a key of their own and call again. */
  | { outcome: 'bytes-needed' };

/**
 * Ends an upload session in a blob of its repository (performance spec 3.4 and 3.5). The bytes are durable before this
 * is called with `publishedKey`; one transaction then writes the blob row, its link with a hold, and takes the session away.
 */
export function commitUpload(
  deps: ContentDeps,
  pusher: Pusher,
  path: RepositoryPath,
  input: { session: UploadSession; blob: ReceivedBlob },
): Promise<CommitOutcome> {
  const { session, blob } = input;
  return runAct(deps, pusher.actor, async (act): Promise<CommitOutcome> => {
    const repository = await openForWrite(act, deps, pusher, { path, lock: 'share' });
    const row = await settleBlob(act, blob);
    if (!row) return { outcome: 'bytes-needed' };
    const own = { ...session, repositoryId: repository.id };
    // Another process has taken the session since: what this one holds is no longer the session's content.
    if (!(await endUpload(act.manager, own, act.nowMs))) throw unknownUpload(session.uuid);
    const holdUntilMs = act.nowMs + deps.contentHoldMs;
    const link = { repositoryId: repository.id, blobId: row.id };
    await holdBlob(act.manager, { ...link, holdUntilMs });
    const { digest, announced } = blob;
    if (announced !== digest) await addAlias(act.manager, { digest: announced, blobId: row.id });
    await fillGapsWithBlob(act, deps, link);
    return { outcome: 'linked', storageKey: row.storageKey };
  });
}

/** The row of the digest, locked and in use; undefined when nobody's bytes are there and the own ones are not durable yet. */
async function settleBlob(
  act: Act,
  blob: ReceivedBlob,
): Promise<Pick<Blob, 'id' | 'storageKey'> | undefined> {
  const { digest, sizeBytes, publishedKey } = blob;
  if (publishedKey === null) {
    const row = await lockBlob(act.manager, digest);
    if (!row || row.state === 'deleting' || row.storageKey !== blob.presentKey) return undefined;
    if (row.state === 'candidate') await reviveBlobs(act.manager, [row.id]);
    return row;
  }
  const row = await insertBlobOnce(act.manager, {
    digest,
    sizeBytes,
    storageKey: publishedKey,
    createdAtMs: act.nowMs,
  });
  // Garbage collection deletes the key that it condemned, never the row's: pointing the row elsewhere saves the blob.
  if (row.state === 'deleting' || row.storageKey === blob.missingKey) {
    await act.manager.update(Blob, { id: row.id }, { storageKey: publishedKey, sizeBytes, state: 'live' });
    return { id: row.id, storageKey: publishedKey };
  }
  if (row.state === 'candidate') await reviveBlobs(act.manager, [row.id]);
  return row;
}
