import { forgetUpload } from '../../commands/content/uploads';
import type { UploadSession } from '../../commands/content/uploads';
import { CANONICAL_ALGORITHM, parseDigest } from '../../model/digests';
import { UploadMissingError } from '../../storage/errors';
import { RegistryError } from '../errors';
import type { Registry, RepositoryExchange } from '../exchange';
import type { BlobSource } from './publish-blob';
import { findOrphan, publishBlob } from './publish-blob';
import type { Chunk } from './receive-chunk';
import { receiveChunk, takeSession } from './receive-chunk';
import { requiredDigest } from './required-digest';
import { sendBlobCreated } from './session-replies';

/** `PUT <location>?digest=…`, with or without a last chunk (registry spec 4.5). */
export async function finishUpload(exchange: RepositoryExchange, registry: Registry): Promise<void> {
  const digest = requiredDigest(exchange.query);
  const taken = await takeSession(exchange, registry, { isLast: true });
  await completeUpload({ exchange, taken, digest }, registry);
}

/** Receives the rest of a blob, compares digests, makes it durable, links it, and only then says so. */
export async function completeUpload(
  { exchange, taken, digest }: Omit<Chunk, 'algorithm'> & { digest: string },
  registry: Registry,
): Promise<void> {
  const source = await receiveAll({ exchange, taken, digest }, registry);
  try {
    await publishBlob({ exchange, announced: digest, ...source }, registry);
  } catch (error) {
    // Full, or no database: the bytes are here, and the same PUT without a body ends the session when there is room again.
    await letGo(source.session, registry);
    throw error;
  }
  registry.sessions.forget(source.session);
  sendBlobCreated(exchange.res, exchange.route.name, digest);
}

/** Of a session that may have ended, by way of a database that may be away: its lease runs out by itself then. */
async function letGo(session: UploadSession, { sessions, deps }: Registry): Promise<void> {
  try {
    await sessions.release(session);
  } catch (err) {
    deps.logger.debug({ err, upload: session.uuid }, 'an upload was not let go of');
  }
}

async function receiveAll(
  { exchange, taken, digest }: Omit<Chunk, 'algorithm'> & { digest: string },
  registry: Registry,
): Promise<BlobSource> {
  const { sessions } = registry;
  const algorithm = parseDigest(digest)?.algorithm ?? CANONICAL_ALGORITHM;
  try {
    const session = await receiveChunk({ exchange, taken, algorithm }, registry);
    const actual = await sessions.digestOf(session, algorithm);
    if (actual !== digest) throw await mismatch(session, { digest, actual }, registry);
    const stored =
      algorithm === CANONICAL_ALGORITHM ? actual : await sessions.digestOf(session, CANONICAL_ALGORITHM);
    return { session, digest: stored, publishedKey: null };
  } catch (error) {
    if (!(error instanceof UploadMissingError)) throw error;
    const orphan = await findOrphan(taken.session, digest, registry);
    if (orphan) return orphan;
    await forgetUpload(registry.content, taken.session);
    throw error;
  }
}

/** What was sent is not what was announced: the session ends here, as no continuation could mend it. */
async function mismatch(
  session: UploadSession,
  { digest, actual }: { digest: string; actual: string },
  { deps, content, sessions }: Registry,
): Promise<RegistryError> {
  sessions.forget(session);
  if (await forgetUpload(content, session)) await deps.storage.discardUpload(session.storageKey);
  return new RegistryError('DIGEST_INVALID', { digest, actual });
}
