import type { UploadSession } from '../../commands/content/uploads';
import { forgetUpload, unknownUpload } from '../../commands/content/uploads';
import { UploadMissingError } from '../../storage/errors';
import type { Registry, RepositoryExchange } from '../exchange';
import type { Chunk } from './receive-chunk';
import { receiveChunk, takeSession } from './receive-chunk';
import { sendSession } from './session-replies';

/** `PATCH <location>`: a chunk, or a body of unknown length (registry spec 4.3). */
export async function appendToUpload(exchange: RepositoryExchange, registry: Registry): Promise<void> {
  const taken = await takeSession(exchange, registry, { isLast: false });
  const session = await receiveOrForget(exchange, taken, registry);
  if (!(await registry.sessions.release(session))) throw unknownUpload(session.uuid);
  registry.sessions.rest(exchange.path, session);
  sendSession(exchange.res, 202, { ...session, name: exchange.route.name });
}

async function receiveOrForget(
  exchange: RepositoryExchange,
  taken: Chunk['taken'],
  registry: Registry,
): Promise<UploadSession> {
  try {
    return await receiveChunk({ exchange, taken }, registry);
  } catch (error) {
    // The bytes went with the disk of a process that died: the client has to begin anew.
    if (error instanceof UploadMissingError) await forgetUpload(registry.content, taken.session);
    throw error;
  }
}
