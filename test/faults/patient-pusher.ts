import { setTimeout as delay } from 'node:timers/promises';

import type { BuiltImage } from '../support/images';
import { OCI_MANIFEST } from '../support/images';
import type { Credentials } from '../support/registry-client';
import { RegistryClient } from '../support/registry-client';
import type { Journal } from './journal';

const PAUSE_MS = 400;
const CALL_MS = 60_000;

interface Session {
  location: string;
  /** Bytes that the registry has. */
  offset: number;
}

/**
 * Pushes an image as docker does, and does not give up: it asks which bytes have arrived and sends the rest, begins anew
 * where that is forgotten, and repeats the manifest until it is acknowledged.
 */
export class PatientPusher {
  readonly #client: RegistryClient;

  constructor(
    base: string,
    credentials: Credentials,
    private readonly journal: Journal,
    private readonly giveUpAtMs: number,
  ) {
    this.#client = new RegistryClient(base, credentials);
  }

  async push(repository: string, tag: string, image: BuiltImage): Promise<void> {
    for (const { digest, bytes } of image.layers) await this.#pushBlob(repository, digest, bytes);
    await this.#pushBlob(repository, image.config.digest, Buffer.from(image.config.text));
    await this.#patiently(`manifest of ${repository}:${tag}`, () =>
      this.#call([201], 'PUT', `/v2/${repository}/manifests/${tag}`, {
        body: image.body,
        headers: { 'content-type': OCI_MANIFEST },
      }),
    );
    this.journal.pushes.push({ repository, tag, image });
  }

  async #pushBlob(repository: string, digest: string, bytes: Buffer): Promise<void> {
    let session: Session | undefined;
    await this.#patiently(`blob ${digest} of ${repository}`, async () => {
      const known = await this.#call([200, 404], 'HEAD', `/v2/${repository}/blobs/${digest}`);
      if (known.status === 200) return;
      session = session ? await this.#resume(session) : await this.#begin(repository);
      const half = Math.ceil(bytes.length / 2);
      if (session.offset < half) session = await this.#send(session, bytes.subarray(session.offset, half));
      const rest = bytes.subarray(session.offset);
      await this.#call([201], 'PUT', withDigest(session.location, digest), { body: rest });
    });
  }

  async #begin(repository: string): Promise<Session> {
    const response = await this.#call([202], 'POST', `/v2/${repository}/blobs/uploads/`);
    return { location: locationOf(response), offset: 0 };
  }

  /** A registry that has acknowledged a session may not forget it. */
  async #resume({ location }: Session): Promise<Session> {
    const response = await this.#call([204], 'GET', location);
    const end = /^0-(\d+)$/.exec(response.headers.get('range') ?? '')?.[1];
    // An empty session says 0-0 as well as one of one byte; ours never have one.
    const offset = end === undefined || end === '0' ? 0 : Number(end) + 1;
    return { location: locationOf(response), offset };
  }

  async #send({ location, offset }: Session, bytes: Buffer): Promise<Session> {
    const response = await this.#call([202], 'PATCH', location, {
      body: bytes,
      headers: {
        'content-type': 'application/octet-stream',
        'content-range': `${offset}-${offset + bytes.length - 1}`,
      },
    });
    return { location: locationOf(response), offset: offset + bytes.length };
  }

  async #call(
    expected: number[],
    method: string,
    path: string,
    options: { body?: Buffer | string; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const response = await this.#client.call(method, path, {
      ...options,
      signal: AbortSignal.timeout(CALL_MS),
    });
    if (expected.includes(response.status)) return response;
    const answer = `${method} ${path}: ${response.status} ${(await response.text()).slice(0, 300)}`;
    // What a client may be told while something is away; anything else would make docker give up.
    const isPassing = response.status >= 500 || response.status === 429 || isStillHeld(answer);
    if (!isPassing) this.journal.oddAnswers.push(answer);
    if (response.status === 401) this.#client.forgetTokens();
    throw new Error(answer);
  }

  async #patiently(what: string, step: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await step();
        return;
      } catch (error) {
        if (Date.now() >= this.giveUpAtMs) throw new Error(`${what} could not be pushed`, { cause: error });
        await delay(PAUSE_MS);
      }
    }
  }
}

/** A request that was cut, or whose process is frozen, holds its upload until its lease ends. */
function isStillHeld(answer: string): boolean {
  return answer.includes('another request is sending the body of this upload');
}

function locationOf(response: Response): string {
  const location = response.headers.get('location');
  if (location === null) throw new Error('the registry named no location');
  return location;
}

function withDigest(location: string, digest: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`;
}
