import { mountBlob } from '../../commands/content/mount-blob';
import type { UploadSession } from '../../commands/content/uploads';
import { forgetUpload, startUpload } from '../../commands/content/uploads';
import { isDigest } from '../../model/digests';
import { RegistryError } from '../errors';
import type { Registry, RepositoryExchange } from '../exchange';
import { repositoryOfName } from '../repository-name';
import { requireFromStart } from './content-range';
import { completeUpload } from './finish-upload';
import { requiredDigest } from './required-digest';
import { sendBlobCreated, sendSession } from './session-replies';

/** `POST …/blobs/uploads/`: a mount, a whole blob in one request, or a new session (registry spec 4.2). */
export async function beginUpload(exchange: RepositoryExchange, registry: Registry): Promise<void> {
  const { query, res, route } = exchange;
  const digest = query.has('digest') ? requiredDigest(query) : undefined;
  if (digest !== undefined) requireFromStart(exchange.req);
  if (await isMounted(exchange, registry)) {
    sendBlobCreated(res, route.name, query.get('mount') ?? '');
    return;
  }
  const { deps, content } = registry;
  const session = await startUpload(content, exchange.pusher, exchange.path, {
    owner: deps.processId,
    isStreaming: digest !== undefined,
  });
  if (digest !== undefined) {
    await receiveWhole({ exchange, session, digest }, registry);
    return;
  }
  registry.sessions.rest(exchange.path, session);
  sendSession(res, 202, { ...session, name: route.name });
}

/** A session that its client never hears of: when it fails there is nobody who could go on with it. */
async function receiveWhole(
  { exchange, session, digest }: { exchange: RepositoryExchange; session: UploadSession; digest: string },
  registry: Registry,
): Promise<void> {
  const taken = { outcome: 'taken' as const, session, abandonedKey: null };
  try {
    await completeUpload({ exchange, taken, digest }, registry);
  } catch (error) {
    await discard(session, registry);
    throw error;
  }
}

/** The bytes first: a disk that does not let them go leaves the row, by which they are purged when it expires. */
async function discard(session: UploadSession, { content, deps }: Registry): Promise<void> {
  try {
    await deps.storage.discardUpload(session.storageKey);
    await forgetUpload(content, session);
  } catch (err) {
    deps.logger.debug({ err, upload: session.uuid }, 'a failed upload is left to the purge');
  }
}

/** A mount that does not work out is no error: the client uploads instead. */
async function isMounted(
  { query, pusher, path }: RepositoryExchange,
  { deps, content }: Registry,
): Promise<boolean> {
  const digest = query.get('mount');
  if (digest === null) return false;
  if (!isDigest(digest)) {
    throw new RegistryError('DIGEST_INVALID', { digest }, { message: 'mount is not a digest' });
  }
  const source = query.get('from');
  const from = source === null ? null : repositoryOfName(source, deps.config.SERVER_HOSTNAME);
  if (from === undefined) return false;
  return mountBlob(content, pusher, path, { digest, from });
}
