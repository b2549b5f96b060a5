import type { Hash } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import type { ContentDeps } from '../../commands/content/content-deps';
import { findForWrite } from '../../commands/content/push-gate';
import type { Pusher } from '../../commands/content/pusher';
import type { TakenUpload, UploadSession } from '../../commands/content/uploads';
import {
  giveUploadBack,
  LEASE_MS,
  recordUpload,
  releaseUpload,
  renewUpload,
  takeIdleUpload,
  takeUpload,
  unknownUpload,
} from '../../commands/content/uploads';
import type { DigestAlgorithm } from '../../model/digests';
import { CANONICAL_ALGORITHM } from '../../model/digests';
import type { RepositoryPath } from '../../model/names';
import { formatRepositoryPath } from '../../model/names';
import type { UploadWriter } from '../../storage/driver';
import { hashUpload } from '../../storage/driver';
import { UploadMissingError } from '../../storage/errors';
import { RegistryError } from '../errors';
import type { RegistryDeps } from '../registry-deps';

/** A request that finds another one streaming waits for its end: mostly the client itself, back after a lost connection. */
const BUSY_WAIT_MS = 5_000;
const BUSY_POLL_MS = 100;
/** A client that sends nothing for this long has gone. */
const IDLE_LIMIT_MS = 60_000;
const REMEMBERED_SESSIONS = 5_000;

/** Hashes that have seen the first `bytes` of a session; they live in the process that received them. */
interface RunningHashes {
  byAlgorithm: ReadonlyMap<DigestAlgorithm, Hash>;
  bytes: number;
}

/** The sessions that this process works on: their streams, leases and running hashes (performance spec 3.6). */
export class UploadSessions {
  private readonly hashes = new Map<string, RunningHashes>();
  private readonly resting = new Map<string, { name: string; session: UploadSession }>();

  constructor(
    private readonly deps: RegistryDeps,
    private readonly content: ContentDeps,
  ) {}

  /** Notes a session of which no body is under way, as this process left it: so it need not be read for the next one. */
  rest(path: RepositoryPath, session: UploadSession): void {
    const oldest = this.resting.size >= REMEMBERED_SESSIONS ? this.resting.keys().next().value : undefined;
    if (oldest !== undefined) this.resting.delete(oldest);
    this.resting.set(session.uuid, { name: formatRepositoryPath(path), session });
  }

  /**
   * Takes a session for one body; waits a little for one that is under way. The last body ends in an act that judges the caller
   * and the repository anyway.
   */
  async take(
    pusher: Pusher,
    path: RepositoryPath,
    { uuid, isLast }: { uuid: string; isLast: boolean },
  ): Promise<TakenUpload> {
    const session = this.wake(path, uuid);
    if (session && (isLast || (await findForWrite(this.content, pusher, path)))) {
      const isTaken = await takeIdleUpload(this.content, session, this.deps.processId);
      if (isTaken) return { outcome: 'taken', session, abandonedKey: null };
    }
    const endMs = performance.now() + BUSY_WAIT_MS;
    for (;;) {
      const taken = await takeUpload(this.content, pusher, path, { uuid, owner: this.deps.processId });
      if (taken.outcome === 'taken' || performance.now() >= endMs) return taken;
      await delay(BUSY_POLL_MS);
    }
  }

  /** Lets go of a session as it is; false when it was ended or taken over meanwhile, so that nothing of it was recorded. */
  release(session: UploadSession): Promise<boolean> {
    return releaseUpload(this.content, session, session.receivedBytes);
  }

  /**
   * Appends the body of a request and answers the session as it is then, still leased. When the body breaks off, what
   * arrived is recorded and the session let go, so that the client can go on from there.
   */
  async receive(
    req: IncomingMessage,
    { session, abandonedKey }: { session: UploadSession; abandonedKey: string | null },
    algorithm: DigestAlgorithm = CANONICAL_ALGORITHM,
  ): Promise<UploadSession> {
    const { storage } = this.deps;
    const writer = await this.open(session, abandonedKey);
    try {
      await this.append(req, writer, session, algorithm);
      await writer.close();
    } catch (error) {
      // Closed first: nothing is written any more when others may take the session.
      await this.close(writer, session);
      const isRecorded = await releaseUpload(this.content, session, writer.sizeBytes);
      if (isRecorded && abandonedKey !== null) await storage.discardUpload(abandonedKey);
      throw error;
    }
    const received = { ...session, receivedBytes: writer.sizeBytes };
    if (abandonedKey !== null) {
      // The old file stays the record until the new one is.
      if (!(await recordUpload(this.content, received))) throw unknownUpload(session.uuid);
      await storage.discardUpload(abandonedKey);
    }
    return received;
  }

  /** After a failure, which is what the client hears of; what could not be stored then is not counted. */
  private async close(writer: UploadWriter, { uuid }: UploadSession): Promise<void> {
    try {
      await writer.close();
    } catch (err) {
      this.deps.logger.warn({ err, upload: uuid }, 'the end of a body that broke off was not stored');
    }
  }

  /** The digest of everything received; bytes that this process did not see itself are read once more, only here. */
  async digestOf(session: UploadSession, algorithm: DigestAlgorithm): Promise<string> {
    const running = this.hashes.get(keyOf(session));
    const complete =
      running?.bytes === session.receivedBytes ? running.byAlgorithm.get(algorithm) : undefined;
    if (complete) return `${algorithm}:${complete.copy().digest('hex')}`;
    const hash = createHash(algorithm);
    if (session.receivedBytes > 0) await hashUpload(this.deps.storage, session.storageKey, hash);
    return `${algorithm}:${hash.digest('hex')}`;
  }

  forget(session: UploadSession): void {
    this.hashes.delete(keyOf(session));
  }

  /** The session as this process left it, which it does not know any more then. */
  private wake(path: RepositoryPath, uuid: string): UploadSession | undefined {
    const resting = this.resting.get(uuid);
    this.resting.delete(uuid);
    return resting?.name === formatRepositoryPath(path) ? resting.session : undefined;
  }

  private async open(session: UploadSession, abandonedKey: string | null): Promise<UploadWriter> {
    const { storage } = this.deps;
    try {
      if (abandonedKey !== null && session.receivedBytes > 0) {
        await storage.copyUpload(abandonedKey, session.storageKey, session.receivedBytes);
      }
      return await storage.openUpload(session.storageKey, { offset: session.receivedBytes });
    } catch (error) {
      // Missing bytes are the caller's to judge: it may know where they went. A full disk is no reason to keep others off.
      if (!(error instanceof UploadMissingError)) await giveUploadBack(this.content, session, abandonedKey);
      throw error;
    }
  }

  private async append(
    req: IncomingMessage,
    writer: UploadWriter,
    session: UploadSession,
    algorithm: DigestAlgorithm,
  ): Promise<void> {
    const running = this.hashesFor(session, algorithm);
    const abort = new AbortController();
    const renewal = setInterval(() => void this.renew(session, abort), LEASE_MS / 3);
    const onIdle = () =>
      abort.abort(new RegistryError('BLOB_UPLOAD_INVALID', {}, { status: 408, message: IDLE }));
    req.setTimeout(IDLE_LIMIT_MS, onIdle);
    try {
      await writer.append(req, {
        limitBytes: Math.max(0, this.deps.config.MAXIMUM_LAYER_SIZE_BYTES - session.receivedBytes),
        signal: abort.signal,
        isDisposable: true,
        ...(running && {
          onChunk: (chunk: Buffer) => {
            for (const hash of running.byAlgorithm.values()) hash.update(chunk);
            running.bytes += chunk.length;
          },
        }),
      });
    } finally {
      clearInterval(renewal);
      req.setTimeout(0);
      req.off('timeout', onIdle);
    }
  }

  private async renew(session: UploadSession, abort: AbortController): Promise<void> {
    try {
      if (await renewUpload(this.content, session)) return;
      abort.abort(
        new RegistryError('BLOB_UPLOAD_UNKNOWN', {}, { message: 'another process took this upload over' }),
      );
    } catch (error) {
      // The lease still runs for two more renewals; a database that stays away ends it.
      this.deps.logger.warn({ err: error, upload: session.uuid }, 'the lease of an upload was not renewed');
    }
  }

  /** Undefined when the bytes so far were not all seen here: they are hashed at the end then. */
  private hashesFor(session: UploadSession, algorithm: DigestAlgorithm): RunningHashes | undefined {
    const key = keyOf(session);
    const known = this.hashes.get(key);
    if (known?.bytes === session.receivedBytes) return known;
    this.hashes.delete(key);
    if (session.receivedBytes > 0) return undefined;
    const algorithms = new Set<DigestAlgorithm>([CANONICAL_ALGORITHM, algorithm]);
    const byAlgorithm = new Map([...algorithms].map((name) => [name, createHash(name)] as const));
    const running = { byAlgorithm, bytes: 0 };
    const oldest = this.hashes.size >= REMEMBERED_SESSIONS ? this.hashes.keys().next().value : undefined;
    if (oldest !== undefined) this.hashes.delete(oldest);
    this.hashes.set(key, running);
    return running;
  }
}

const IDLE = `the body stopped for ${IDLE_LIMIT_MS / 1000} s`;

function keyOf({ uuid, epoch }: UploadSession): string {
  return `${uuid}.${epoch}`;
}
