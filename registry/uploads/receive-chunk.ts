import type { TakenUpload, UploadSession } from '../../commands/content/uploads';
import type { DigestAlgorithm } from '../../model/digests';
import type { Registry, RepositoryExchange } from '../exchange';
import type { StatedRange } from './content-range';
import { statedRange, wrongLength } from './content-range';
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
  { isLast }: { isLast: boolean },
): Promise<Chunk['taken']> {
  const taken = await sessions.take(pusher, path, { uuid: route.reference, isLast });
  if (taken.outcome === 'taken') return taken;
  const view = { name: route.name, uuid: route.reference, receivedBytes: taken.receivedBytes };
  throw rangeMismatch(view, 'another request is sending the body of this upload');
}

/** Appends a body whose range begins where the session ends; every other one is 416 (registry spec 4.3). */
export async function receiveChunk(
  { exchange, taken, algorithm }: Chunk,
  { sessions }: Registry,
): Promise<UploadSession> {
  const { session } = taken;
  const range = await releasedOnRefusal(session, sessions, () => fittingRange(exchange, session));
  exchange.acceptBody();
  const received = await sessions.receive(exchange.req, taken, algorithm);
  const lengthBytes = received.receivedBytes - session.receivedBytes;
  if (!range || range.lengthBytes === lengthBytes) return received;
  // A chunk without a stated length shows it at its end: it is as if it had never come.
  await sessions.release(session);
  throw wrongLength(range, lengthBytes);
}

async function releasedOnRefusal<T>(
  session: UploadSession,
  sessions: Registry['sessions'],
  look: () => T,
): Promise<T> {
  try {
    return look();
  } catch (error) {
    await sessions.release(session);
    throw error;
  }
}

function fittingRange({ req, route }: RepositoryExchange, session: UploadSession): StatedRange | undefined {
  const range = statedRange(req);
  if (!range || range.start === session.receivedBytes) return range;
  throw rangeMismatch(
    { ...session, name: route.name },
    `the chunk begins at ${range.start}, the upload has ${session.receivedBytes} bytes`,
  );
}
