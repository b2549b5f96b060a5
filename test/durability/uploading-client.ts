import { createHash } from 'node:crypto';

import type { CallOptions } from '../support/registry-client';
import type { ClientParts } from './client-parts';
import type { Attempt } from './possible-states';

const CALL_LIMIT_MS = 60_000;
const LARGEST_BYTES = 200_000;
const ACCEPTED = 202;
const NOT_FOUND = 404;
const BUSY = 416;

interface Content {
  bytes: Buffer;
  digest: string;
}

interface Outcome {
  done: readonly number[];
  /** Answers that say that nothing has changed, and are no surprise. */
  refused: readonly number[];
  what: string;
}

/** An upload that a client has begun, as far as it was told. */
interface Session {
  location: string;
  acknowledgedBytes: number;
  /** What the last request was, while its answer is missing. */
  unanswered?: { method: 'PATCH' | 'PUT'; bytes: number } | undefined;
}

/** The uploads of one client: whole, in two requests, or in chunks, and gone on with after an interruption. */
export class UploadingClient {
  constructor(private readonly parts: ClientParts) {}

  async push(): Promise<void> {
    const { random, journal } = this.parts;
    const content = this.anyContent();
    const attempt = journal.blobs.begin(content.digest, 'there');
    journal.sizes.set(content.digest, content.bytes.length);
    const way = random.pick(['whole', 'two requests', 'chunks', 'chunks'] as const);
    const status = await this.pushAs(way, content);
    this.conclude(attempt, status, { done: [201], refused: [], what: `${way}: push of ${content.digest}` });
  }

  /** Begins an upload and gives it up again. */
  async cancel(): Promise<void> {
    const { random } = this.parts;
    const session = await this.begin();
    if (!session) return;
    if (random.next() < 0.5 && (await this.patch(session, random.bytes(1000))) !== ACCEPTED) return;
    const status = await this.statusOf('DELETE', session.location);
    if (status !== undefined && status !== 204) this.report(`cancel of an upload: ${status}`);
  }

  /** Undefined when no answer came: the product was cut off in the middle. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Response | undefined> {
    const { registry, journal, gate } = this.parts;
    try {
      const signal = AbortSignal.timeout(CALL_LIMIT_MS);
      const response = await registry.call(method, path, { ...options, signal });
      // An answer is whole, or it is none.
      const body = await response.arrayBuffer();
      journal.answers += 1;
      const isBodiless = body.byteLength === 0;
      return new Response(isBodiless ? null : body, { status: response.status, headers: response.headers });
    } catch {
      journal.lostAnswers += 1;
      gate.doubt();
      return undefined;
    }
  }

  async statusOf(method: string, path: string, options?: CallOptions): Promise<number | undefined> {
    return (await this.call(method, path, options))?.status;
  }

  conclude(attempt: Attempt, status: number | undefined, { done, refused, what }: Outcome): void {
    if (status === undefined) return;
    if (done.includes(status)) return attempt.acknowledge();
    attempt.refuse();
    if (!refused.includes(status)) this.report(`${what}: ${status}`);
  }

  private async pushAs(
    way: 'whole' | 'two requests' | 'chunks',
    content: Content,
  ): Promise<number | undefined> {
    const { bytes, digest } = content;
    if (way === 'whole') return this.statusOf('POST', `${this.uploads}?digest=${digest}`, { body: bytes });
    const session = await this.begin();
    if (!session) return undefined;
    if (way === 'two requests') return this.finish(session, digest, bytes);
    const status = await this.sendChunks(session, content);
    return status === undefined ? this.goOn(session, content) : status;
  }

  /** From where the session is to the end; undefined when it was interrupted. */
  private async sendChunks(session: Session, { bytes, digest }: Content): Promise<number | undefined> {
    const { random } = this.parts;
    for (let left = random.between(1, 3); left > 0; left -= 1) {
      const from = session.acknowledgedBytes;
      const chunk = bytes.subarray(from, random.between(from, bytes.length));
      const status = chunk.length > 0 ? await this.patch(session, chunk) : ACCEPTED;
      if (status !== ACCEPTED) return status;
    }
    return this.finish(session, digest, bytes.subarray(session.acknowledgedBytes));
  }

  /** After an interruption: what was acknowledged of the upload is there, unless the power was cut. */
  private async goOn(session: Session, content: Content): Promise<number | undefined> {
    const { gate, journal, random, losesUnsyncedUploads } = this.parts;
    if (random.next() < 0.3) return undefined;
    await gate.goRound();
    const isFound = await this.findAgain(session);
    if (isFound === undefined) return undefined;
    journal.resumed += 1;
    const status = isFound ? await this.sendChunks(session, content) : NOT_FOUND;
    // A process that died with a body in its hands has left a lease, which lasts half a minute.
    if (status === BUSY) return undefined;
    if (!losesUnsyncedUploads || (status !== NOT_FOUND && status !== 400)) return status;
    const another = await this.begin();
    return another && this.finish(another, content.digest, content.bytes);
  }

  /** Whether the session is there, which then knows how far it came; undefined where that cannot be told. */
  private async findAgain(session: Session): Promise<boolean | undefined> {
    const { location, acknowledgedBytes, unanswered } = session;
    const found = await this.call('GET', location);
    // It may have become a blob.
    if (!found || (found.status === NOT_FOUND && unanswered?.method === 'PUT')) return undefined;
    const bytesThere = found.status === 204 ? receivedBytes(found, acknowledgedBytes) : -1;
    const most = acknowledgedBytes + (unanswered?.bytes ?? 0);
    const isRight = bytesThere >= acknowledgedBytes && bytesThere <= most;
    if (!isRight && !this.parts.losesUnsyncedUploads) {
      this.report(`upload ${location} has ${bytesThere} bytes, it should be ${acknowledgedBytes} to ${most}`);
    }
    session.acknowledgedBytes = Math.max(0, bytesThere);
    return bytesThere >= 0;
  }

  private async begin(): Promise<Session | undefined> {
    const response = await this.call('POST', this.uploads);
    if (!response) return undefined;
    const location = response.headers.get('location');
    if (response.status === 202 && location !== null) {
      return { location, acknowledgedBytes: 0 };
    }
    this.report(`begin of an upload: ${response.status}`);
    return undefined;
  }

  private async patch(session: Session, chunk: Buffer): Promise<number | undefined> {
    const from = session.acknowledgedBytes;
    const headers = { 'content-range': `${from}-${from + chunk.length - 1}` };
    session.unanswered = { method: 'PATCH', bytes: chunk.length };
    const status = await this.statusOf('PATCH', session.location, { body: chunk, headers });
    if (status !== undefined) session.unanswered = undefined;
    if (status === ACCEPTED) session.acknowledgedBytes += chunk.length;
    return status;
  }

  private async finish(session: Session, digest: string, rest: Buffer): Promise<number | undefined> {
    session.unanswered = { method: 'PUT', bytes: rest.length };
    const status = await this.statusOf('PUT', `${session.location}?digest=${digest}`, { body: rest });
    if (status !== undefined) session.unanswered = undefined;
    return status;
  }

  private get uploads(): string {
    return `/v2/${this.parts.repository}/blobs/uploads/`;
  }

  private anyContent(): Content {
    const { random, shared } = this.parts;
    if (random.next() < 0.3) return contentOf(random.pick(shared), 'sha256');
    const bytes = random.bytes(random.pick([0, 1, 5_000, random.between(2, LARGEST_BYTES)]));
    return contentOf(bytes, bytes.length > 1 && random.next() < 0.15 ? 'sha512' : 'sha256');
  }

  private report(what: string): void {
    this.parts.journal.findings.push(`${this.parts.name}: ${what}`);
  }
}

function contentOf(bytes: Buffer, algorithm: 'sha256' | 'sha512'): Content {
  return { bytes, digest: `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` };
}

/** `Range: 0-n`; an empty session says `0-0` (registry spec 18.8), as one with a single byte does. */
function receivedBytes(response: Response, expected: number): number {
  const last = Number(/^0-(\d+)$/.exec(response.headers.get('range') ?? '')?.[1] ?? Number.NaN);
  return last === 0 ? Math.min(expected, 1) : last + 1;
}
