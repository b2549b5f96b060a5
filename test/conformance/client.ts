import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { buffer } from 'node:stream/consumers';

import type { Credentials } from '../support/registry-client';
import { parseChallenge } from './challenge';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface RequestParts {
  headers?: Record<string, string>;
  body?: Buffer;
  /** The body comes without its length, in chunks of the transfer. */
  isStreamed?: boolean;
}

export interface ClientOptions {
  /** The one name under which clients know the registry. */
  host: string;
  /** Where its processes listen: each request goes to the next one, as behind a balancer. */
  ports: readonly number[];
  credentials: Credentials;
  /** One token for each repository and class of methods; otherwise every request is refused once and asks for its own. */
  keepsTokens: boolean;
}

const METHOD_CLASSES: Record<string, string> = {
  GET: 'read',
  HEAD: 'read',
  POST: 'write',
  PATCH: 'write',
  PUT: 'write',
};

/** A client that knows nothing of scopes: it asks for what the challenge of a 401 says, and for nothing otherwise. */
export class ConformanceClient {
  private turn = 0;
  private readonly tokens = new Map<string, string>();

  constructor(private readonly options: ClientOptions) {}

  async send(method: string, location: string, parts: RequestParts = {}): Promise<Answer> {
    const url = new URL(location, `http://${this.options.host}`);
    assert.equal(url.host, this.options.host, 'an address of the registry leads elsewhere');
    const key = `${repositoryOf(url.pathname)} ${METHOD_CLASSES[method] ?? method}`;
    const first = await this.exchange(method, url, parts, this.tokens.get(key));
    if (first.status !== 401) return first;
    const token = await this.requestToken(first);
    if (this.options.keepsTokens) this.tokens.set(key, token);
    return this.exchange(method, url, parts, token);
  }

  /** The answer, which must have this status. */
  async expect(status: number, method: string, location: string, parts: RequestParts = {}): Promise<Answer> {
    const answer = await this.send(method, location, parts);
    const words = answer.body.subarray(0, 500).toString('utf8');
    assert.equal(answer.status, status, `${method} ${location}: ${answer.status}, not ${status}: ${words}`);
    return answer;
  }

  /** Without a token, and no second try. */
  sendBare(method: string, location: string): Promise<Answer> {
    return this.exchange(method, new URL(location, `http://${this.options.host}`), {}, undefined);
  }

  private async requestToken(refused: Answer): Promise<string> {
    const { realm, service, scope } = parseChallenge(refused.headers['www-authenticate']);
    const url = new URL(realm);
    url.searchParams.set('service', service);
    if (scope !== undefined) url.searchParams.set('scope', scope);
    const { username, password } = this.options.credentials;
    const basic = Buffer.from(`${username}:${password}`).toString('base64');
    const answer = await this.dial('GET', url, { headers: { authorization: `Basic ${basic}` } });
    assert.equal(answer.status, 200, `a token for ${scope}: ${answer.status}`);
    const { token } = JSON.parse(answer.body.toString('utf8')) as { token: string };
    return token;
  }

  private exchange(
    method: string,
    url: URL,
    parts: RequestParts,
    token: string | undefined,
  ): Promise<Answer> {
    const headers =
      token === undefined ? parts.headers : { ...parts.headers, authorization: `Bearer ${token}` };
    return this.dial(method, url, { ...parts, headers });
  }

  private async dial(
    method: string,
    url: URL,
    { headers, body, isStreamed = false }: RequestParts,
  ): Promise<Answer> {
    const port = this.options.ports[(this.turn += 1) % this.options.ports.length];
    const path = url.pathname + url.search;
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers });
    // Of a body that was refused before its end; the answer says why.
    outgoing.on('error', () => undefined);
    if (isStreamed) outgoing.write(body);
    outgoing.end(isStreamed ? undefined : body);
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: await buffer(incoming) };
  }
}

function repositoryOf(pathname: string): string {
  return /^\/v2\/(.+?)\/(?:blobs|manifests|tags|referrers)\//.exec(pathname)?.[1] ?? '';
}
