import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';

import { Client } from 'undici';

import { explainFailure } from './errors';
import type { ResolvedTarget } from './resolve-target';

export interface Exchange {
  url: URL;
  target: ResolvedTarget;
  method: string;
  headers: Record<string, string>;
  body: string | Uint8Array | undefined;
  connectTimeoutMs: number;
  maxResponseBytes: number;
  /** What goes wrong after the headers is a truncated body, not a failure. */
  ignoreBody: boolean;
  signal: AbortSignal;
  /** Certificates trusted in place of the system's. */
  ca: string | Buffer | undefined;
}

export interface ExchangeAnswer {
  status: number;
  /** Lower-case names; a repeated header is joined with commas. */
  headers: Record<string, string>;
  body: Buffer;
  /** There was more than `body`: past `maxResponseBytes`, or after a fault that `ignoreBody` ignores. */
  isTruncated: boolean;
}

const LARGEST_HEADERS_BYTES = 32 * 1024;

/** One request on a connection of its own, made to the resolved addresses and to nothing else. */
export async function exchangePinned(exchange: Exchange): Promise<ExchangeAnswer> {
  const client = new Client(exchange.url.origin, {
    connect: {
      lookup: pinnedLookup(exchange.target),
      timeout: exchange.connectTimeoutMs,
      ...(exchange.ca === undefined ? {} : { ca: exchange.ca }),
    },
    allowH2: false,
    maxHeaderSize: LARGEST_HEADERS_BYTES,
    // The caller's deadline covers the whole exchange, a body that drips byte by byte included.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  try {
    const { statusCode, headers, body } = await client.request({
      path: `${exchange.url.pathname}${exchange.url.search}`,
      method: exchange.method,
      headers: exchange.headers,
      body: exchange.body ?? null,
      signal: exchange.signal,
    });
    return {
      status: statusCode,
      headers: flatten(headers),
      ...(await readAtMost(body, exchange)),
    };
  } catch (error) {
    throw explainFailure(error, `"${exchange.url.host}"`);
  } finally {
    await client.destroy();
  }
}

function pinnedLookup({ addresses }: ResolvedTarget): LookupFunction {
  return (_hostname, options, callback) => {
    if (options.all) callback(null, [...addresses]);
    else callback(null, addresses[0].address, addresses[0].family);
  };
}

async function readAtMost(
  body: Readable,
  { maxResponseBytes, ignoreBody }: Exchange,
): Promise<{ body: Buffer; isTruncated: boolean }> {
  // Leaving the loop early aborts the request; that "error" is ours.
  body.on('error', () => undefined);
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk.subarray(0, maxResponseBytes - sizeBytes));
      sizeBytes += chunk.length;
      if (sizeBytes > maxResponseBytes) return { body: Buffer.concat(chunks), isTruncated: true };
    }
  } catch (error) {
    if (!ignoreBody) throw error;
    return { body: Buffer.concat(chunks), isTruncated: true };
  }
  return { body: Buffer.concat(chunks), isTruncated: false };
}

function flatten(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
