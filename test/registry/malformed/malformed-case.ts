import type { RawExchange } from '../../support/raw-client';

/** What there is to aim at; `target.ts` sets it up. */
export interface Target {
  port: number;
  /** The name of the registry. */
  host: string;
  /** Of the caller, with one image in it. */
  repository: string;
  /** One that a push of the caller would make. */
  fresh: string;
  blob: string;
  /** Digest, bytes and tag of the image. */
  manifest: { digest: string; body: string; tag: string };
  /** Allows everything on both repositories. */
  token: string;
  /** Right credentials, and the same as an `Authorization` header. */
  credentials: string;
  basic: string;
  /** Path of an upload session with ten bytes, made for each case that wants one. */
  upload: string;
}

export interface MalformedCase extends Pick<RawExchange, 'then'> {
  name: string;
  bytes: (target: Target) => RawExchange['bytes'];
  /** The one status that is right; any of 4xx otherwise. */
  status?: number;
  /** Statuses of success that are as right as a refusal: what may be ignored. */
  ignored?: readonly number[];
  /** Odd, but nothing wrong with it: only a 5xx would be, and what it leaves is its own. */
  mayBeServed?: boolean;
  /** Its answer has no body. */
  isHead?: boolean;
  /** The client hangs up, or means no answer. */
  isUnanswered?: boolean;
  /** Opens an upload session before, and drops what is left of it afterwards. */
  needsUpload?: boolean;
}

export interface Sent {
  /** Lines without their ends; after `Host`, `Connection` and `Authorization`. */
  headers?: string[];
  /** Sent with its length, unless a header tells another one. */
  body?: Buffer | string;
  /** The whole `Authorization`; the token otherwise, null sends none. */
  authorization?: string | null;
}

/** A request as bytes, well-formed as far as its parts are. */
export function request(target: Target, method: string, path: string, sent: Sent = {}): Buffer[] {
  const { headers = [], body, authorization = `Bearer ${target.token}` } = sent;
  const isFramed = headers.some((line) => /^(content-length|transfer-encoding)\s*:/i.test(line));
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${target.host}`,
    'Connection: close',
    ...(authorization === null ? [] : [`Authorization: ${authorization}`]),
    ...headers,
    ...(body === undefined || isFramed ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return body === undefined ? [head] : [head, Buffer.from(body)];
}

/** One case for each entry of a table. */
export function casesOf<T>(entries: readonly T[], make: (entry: T) => MalformedCase): MalformedCase[] {
  return entries.map(make);
}

/** Long values are told by their beginning. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}… (${text.length})` : text);
}
