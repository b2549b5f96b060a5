import type { TakenUpload, UploadSession } from '../../commands/content/uploads';
import type { DigestAlgorithm } from '../../model/digests';
import type { Registry, RepositoryExchange } from '../exchange';
import { chunkStart } from './content-range';
import { rangeMismatch } from './session-replies';

export interface Chunk {
  exchange: RepositoryExchange;
  taken: Extract<TakenUpload, { outcome: 'taken' }>;
  algorithm?: DigestAlgorithm;
}

/** Takes the session that the address names, or answers 416 while another body of it is under way. */
export async function takeSession(
  { route, pusher, path }: RepositoryExchange,
  { sessions }: Registry,
): Promise<Chunk['taken']> {
  const taken = await sessions.take(pusher, path, route.reference);
  if (taken.outcome === 'taken') return taken;
  const view = { name: route.name, uuid: route.reference, receivedBytes: taken.receivedBytes };
  throw rangeMismatch(view, 'another request is sending the body of this upload');
}

/** Appends a body whose range begins where the session ends; every other one is 416 (registry spec 4.3). */
export async function receiveChunk(
  { exchange, taken, algorithm }: Chunk,
  { sessions }: Registry,
): Promise<UploadSession> {
  const { req, route } = exchange;
  const { session } = taken;
  try {
    const start = chunkStart(req);
    if (start !== undefined && start !== session.receivedBytes) {
      const view = { ...session, name: route.name };
      throw rangeMismatch(
        view,
        `the chunk begins at ${start}, the upload has ${session.receivedBytes} bytes`,
      );
    }
  } catch (error) {
    await sessions.release(session);
    throw error;
  }
  exchange.acceptBody();
  return sessions.receive(req, taken, algorithm);
}
