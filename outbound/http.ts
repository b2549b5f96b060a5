import type { AddressPolicy } from './address-policy';
import { OutboundError } from './errors';
import type { ExchangeAnswer } from './pinned-exchange';
import { exchangePinned } from './pinned-exchange';
import type { Resolver } from './resolve-target';
import { resolveTarget } from './resolve-target';

export interface OutboundHttpOptions {
  policy: AddressPolicy;
  /** Default: the system's. */
  resolver?: Resolver;
  /** Certificates (PEM) trusted in place of the system's; verification itself cannot be switched off. */
  ca?: string | Buffer;
}

interface OutboundRequest {
  /** `http:` or `https:`. */
  url: string;
  /** Default GET. */
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** For everything together: look-up, connection, redirects and the last byte of the body. Default 10 s. */
  timeoutMs?: number;
  /** For one connection, its TLS handshake included. Default 10 s. */
  connectTimeoutMs?: number;
  /** What is beyond is not read. Default 1 MiB. */
  maxResponseBytes?: number;
  /** Status and headers are the whole answer: a body that drips or breaks off does not make the call fail. */
  ignoreBody?: boolean;
  signal?: AbortSignal;
  /** How many redirects to follow, default 0; the one after the last is the answer. */
  followRedirects?: number;
  /** Send `user:password@` of the URL as Basic credentials; without it such a URL is refused. */
  sendUrlCredentials?: boolean;
}

interface OutboundResponse extends ExchangeAnswer {
  /** The URL that answered, after redirects. */
  url: string;
}

export interface OutboundHttp {
  /** Answers with any status; throws {@link OutboundError} when there was no complete answer. */
  request(request: OutboundRequest): Promise<OutboundResponse>;
}

interface Hop {
  url: URL;
  method: string;
  headers: Record<string, string>;
  body: string | Uint8Array | undefined;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_RESPONSE_BYTES = 1024 ** 2;
const REDIRECT_STATUSES = [301, 302, 303, 307, 308];
const CREDENTIAL_HEADERS = ['authorization', 'cookie', 'proxy-authorization'];

/** HTTP to addresses that users choose: every hop is resolved, judged by the policy, and pinned (design decision 9). */
export function createOutboundHttp(options: OutboundHttpOptions): OutboundHttp {
  return {
    async request(request) {
      const timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), timeoutMs);
      const signals = request.signal ? [deadline.signal, request.signal] : [deadline.signal];
      const first = firstHop(request);
      try {
        return await follow(first, request, { ...options, signal: AbortSignal.any(signals) });
      } catch (error) {
        if (error instanceof OutboundError && error.kind !== 'aborted') throw error;
        if (deadline.signal.aborted) {
          throw new OutboundError('timeout', `"${first.url.host}" did not answer within ${timeoutMs} ms`);
        }
        if (request.signal?.aborted) {
          throw new OutboundError('aborted', `the call to "${first.url.host}" was stopped`, { cause: error });
        }
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

async function follow(
  first: Hop,
  request: OutboundRequest,
  { policy, resolver, ca, signal }: OutboundHttpOptions & { signal: AbortSignal },
): Promise<OutboundResponse> {
  let hop = first;
  for (let left = request.followRedirects ?? 0; ; left -= 1) {
    const target = await resolveTarget(hop.url.hostname, policy, { signal, ...(resolver && { resolver }) });
    const answer = await exchangePinned({
      ...hop,
      target,
      connectTimeoutMs: request.connectTimeoutMs ?? DEFAULT_TIMEOUT_MS,
      maxResponseBytes: request.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES,
      ignoreBody: request.ignoreBody ?? false,
      signal,
      ca,
    });
    const next = left > 0 ? nextHop(hop, answer) : undefined;
    if (!next) return { ...answer, url: hop.url.href };
    hop = next;
  }
}

function firstHop({ url, method = 'GET', headers = {}, body, sendUrlCredentials }: OutboundRequest): Hop {
  const parsed = parseHttpUrl(url);
  const own = lowerCaseNames(headers);
  if (parsed.username !== '' || parsed.password !== '') {
    if (!sendUrlCredentials) {
      throw new OutboundError(
        'invalid-url',
        `the address of "${parsed.host}" must not hold a user name or password`,
      );
    }
    own.authorization ??= basicCredentials(parsed);
  }
  return { url: withoutCredentials(parsed), method: method.toUpperCase(), headers: own, body };
}

function nextHop(hop: Hop, { status, headers }: ExchangeAnswer): Hop | undefined {
  const { location } = headers;
  if (location === undefined || !REDIRECT_STATUSES.includes(status)) return undefined;
  const url = withoutCredentials(parseHttpUrl(location, hop.url.href));
  const next = { ...hop, url, headers: { ...hop.headers } };
  if (url.origin !== hop.url.origin) for (const name of CREDENTIAL_HEADERS) delete next.headers[name];
  const keepsMethod = status === 307 || status === 308 || ['GET', 'HEAD'].includes(hop.method);
  if (keepsMethod) return next;
  for (const name of ['content-type', 'content-length', 'content-encoding']) delete next.headers[name];
  return { ...next, method: 'GET', body: undefined };
}

function parseHttpUrl(url: string, base?: string): URL {
  if (!URL.canParse(url, base)) throw new OutboundError('invalid-url', 'the address is not a valid URL');
  const parsed = new URL(url, base);
  if (parsed.protocol === 'http:' || parsed.protocol === 'https:') return parsed;
  const scheme = parsed.protocol.slice(0, -1);
  throw new OutboundError('invalid-url', `the address must begin with http:// or https://, not "${scheme}"`);
}

function withoutCredentials(url: URL): URL {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare;
}

function basicCredentials({ username, password }: URL): string {
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

function lowerCaseNames(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
