import { createHash } from 'node:crypto';

import { ActError } from '../../commands/act-error';
import type { CommitOutcome, ReceivedBlob } from '../../commands/content/commit-upload';
import { commitUpload } from '../../commands/content/commit-upload';
import type { UploadSession } from '../../commands/content/uploads';
import { forgetUpload } from '../../commands/content/uploads';
import { storedBlob } from '../../db/stores/content-reads';
import { CANONICAL_ALGORITHM, isCanonicalDigest, parseDigest } from '../../model/digests';
import { blobKey, generationOf } from '../../storage/keys';
import type { Registry, RepositoryExchange } from '../exchange';

export interface BlobSource {
  session: UploadSession;
  /** The digest by which the bytes are stored; compared with them, as `announced` was. */
  digest: string;
  /** Set when an owner of the session published the bytes and died before it could record them. */
  publishedKey: string | null;
}

interface Publication extends BlobSource {
  exchange: RepositoryExchange;
  /** The digest that the client asks by, now and always. */
  announced: string;
}

/**
 * Ends a session in a blob (performance spec 3.4, 3.5): bytes that are stored already are linked and the own copy
 * dropped; otherwise the own copy is made durable first, and of several pushers of one digest one key wins.
 */
export async function publishBlob(publication: Publication, registry: Registry): Promise<void> {
  const { session, digest, announced } = publication;
  const { storage } = registry.deps;
  const known = publication.publishedKey === null ? await look(digest, registry) : NOT_KNOWN;
  if (known.presentKey !== null) {
    const outcome = await commit(publication, { ...known, publishedKey: null }, registry);
    if (outcome.outcome === 'linked') return removeSpare(storage.discardUpload(session.storageKey), registry);
  }
  const key = keyOf(session, session.epoch, announced);
  const publishedKey = publication.publishedKey ?? (await storage.publish(session.storageKey, key));
  const outcome = await commit(publication, { ...known, publishedKey }, registry);
  if (outcome.outcome === 'linked' && outcome.storageKey !== publishedKey) {
    await removeSpare(storage.deleteBlob(publishedKey), registry);
  }
}

/** The push has succeeded: that its own copy is still in the way is nothing that its client could mend. */
async function removeSpare(removal: Promise<void>, { deps }: Registry): Promise<void> {
  try {
    await removal;
  } catch (err) {
    deps.logger.warn({ err }, 'the spare copy of a blob could not be removed');
  }
}

/** The published bytes of a session whose owner died between publishing and recording, if that is what happened. */
export async function findOrphan(
  session: UploadSession,
  announced: string,
  { content, deps }: Registry,
): Promise<BlobSource | undefined> {
  for (let epoch = session.epoch; epoch >= 1; epoch -= 1) {
    const uploadKey = content.uploadKey(session.uuid, epoch);
    const publishedKey = await deps.storage.findPublished(uploadKey, keyOf(session, epoch, announced));
    if (publishedKey === undefined) continue;
    const digest = isCanonicalDigest(announced) ? announced : await digestOf(publishedKey, deps);
    return { session, digest, publishedKey };
  }
  return undefined;
}

/** The digest by which bytes are stored, when all that is known of them is another one. */
async function digestOf(publishedKey: string, { storage }: Registry['deps']): Promise<string> {
  const hash = createHash(CANONICAL_ALGORITHM);
  const { stream } = await storage.readBlob(publishedKey);
  for await (const chunk of stream as AsyncIterable<Buffer>) hash.update(chunk);
  return `${CANONICAL_ALGORITHM}:${hash.digest('hex')}`;
}

const NOT_KNOWN = { presentKey: null, missingKey: null };

/** Is the digest's row backed by bytes? Looked at before the transaction, which then insists on the same key. */
async function look(
  digest: string,
  { pool, deps }: Registry,
): Promise<Pick<ReceivedBlob, 'presentKey' | 'missingKey'>> {
  const stored = await storedBlob(pool, digest);
  if (!stored || stored.state === 'deleting') return NOT_KNOWN;
  const size = await deps.storage.blobSize(stored.storageKey);
  if (size === stored.sizeBytes) return { presentKey: stored.storageKey, missingKey: null };
  return { presentKey: null, missingKey: stored.storageKey };
}

async function commit(
  publication: Publication,
  keys: Pick<ReceivedBlob, 'presentKey' | 'missingKey' | 'publishedKey'>,
  registry: Registry,
): Promise<CommitOutcome> {
  const { exchange, session, digest, announced } = publication;
  const { content, deps } = registry;
  const blob = { digest, announced, sizeBytes: await sizeOf(publication, deps), ...keys };
  try {
    return await commitUpload(content, exchange.pusher, exchange.path, { session, blob });
  } catch (error) {
    // Only a refusal is certain to have been rolled back; after a lost connection the row may stand and need its bytes.
    if (error instanceof ActError) await discardRefused(session, blob, registry);
    throw error;
  }
}

/** Another process that took the session over may copy these bytes, or have found and recorded them: they are its own then. */
async function discardRefused(
  session: UploadSession,
  { digest, publishedKey }: Pick<ReceivedBlob, 'digest' | 'publishedKey'>,
  { content, deps, pool }: Registry,
): Promise<void> {
  if (!(await forgetUpload(content, session))) return;
  await deps.storage.discardUpload(session.storageKey);
  if (publishedKey === null) return;
  const stored = await storedBlob(pool, digest);
  if (stored?.storageKey !== publishedKey) await deps.storage.deleteBlob(publishedKey);
}

/** Published bytes may be more than the session's row had heard of when its owner died. */
async function sizeOf({ session, publishedKey }: BlobSource, { storage }: Registry['deps']): Promise<number> {
  const published = publishedKey === null ? undefined : await storage.blobSize(publishedKey);
  return published ?? session.receivedBytes;
}

/** Unique for ever, and the same when a session is ended again after a crash: of what the client says then, too. */
function keyOf({ id }: UploadSession, epoch: number, announced: string): string {
  const parsed = parseDigest(announced);
  if (!parsed) throw new Error(`"${announced}" is not a digest`);
  return blobKey(parsed.algorithm, parsed.hex, generationOf({ id, epoch }));
}
