import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';

import { keepBlob } from '../../commands/content/keep-blob';
import type { ReadableBlob } from '../../db/stores/content-reads';
import { blobInRepository } from '../../db/stores/content-reads';
import { isDigest } from '../../model/digests';
import { SMALL_BLOB_BYTES } from '../../storage/driver';
import { BlobMissingError } from '../../storage/errors';
import { RegistryError } from '../errors';
import type { ReadExchange, Registry } from '../exchange';
import { isNotModified } from '../not-modified';
import { sendBytes, sendEmpty, sendHead } from '../reply';
import { allows } from '../token/scopes';
import { isReadOnly } from '../write-gate';
import type { Span } from './byte-range';
import { parseRange } from './byte-range';
import { EMPTY_LAYER } from './empty-layer';

/** A client that takes nothing for this long has gone. */
const IDLE_LIMIT_MS = 60_000;
const BINARY = { 'Content-Type': 'application/octet-stream' };

/** `GET` and `HEAD …/blobs/<digest>`, whole or a range (registry spec 4.1, performance spec 4). */
export async function getBlob(exchange: ReadExchange, registry: Registry): Promise<void> {
  const { req, res, route, repositoryId } = exchange;
  const digest = route.reference;
  if (!isDigest(digest)) throw new RegistryError('DIGEST_INVALID', { digest }, { message: 'not a digest' });
  const blob = await registry.blobReads.run(`${repositoryId} ${digest}`, () =>
    blobInRepository(registry.pool, repositoryId, digest, registry.deps.now()),
  );
  if (!blob && !isEverywhere(exchange, digest)) throw new RegistryError('BLOB_UNKNOWN', { digest });
  if (blob) await keepForPush(exchange, registry, blob);
  const headers = headersOf(exchange, digest);
  if (isNotModified(req, digest)) {
    sendEmpty(res, 304, headers);
    return;
  }
  const reply = replyOf(req.headers.range, blob?.sizeBytes ?? EMPTY_LAYER.bytes.length, headers);
  if (req.method === 'HEAD') {
    sendHead(res, reply.status, { ...reply.headers, 'Content-Length': lengthOf(reply.span) });
    res.end();
  } else if (blob) {
    await sendBlob(exchange, registry, blob, reply);
  } else {
    sendSlice(res, EMPTY_LAYER.bytes, reply);
  }
}

interface BlobReply {
  span: Span;
  status: 200 | 206;
  headers: Record<string, string>;
}

/** Content that is addressed by its digest never changes: everybody may keep it. */
function headersOf({ isPublic }: ReadExchange, digest: string): Record<string, string> {
  return {
    'Docker-Content-Digest': digest,
    ETag: `"${digest}"`,
    'Cache-Control': `${isPublic ? 'public' : 'private'}, max-age=31536000, immutable`,
  };
}

function replyOf(header: string | undefined, sizeBytes: number, common: Record<string, string>): BlobReply {
  const headers = { ...common, ...BINARY, 'Accept-Ranges': 'bytes' };
  const range = parseRange(header, sizeBytes);
  if (range === 'whole') return { span: { start: 0, end: sizeBytes - 1 }, status: 200, headers };
  if (range === 'unsatisfiable') {
    throw new RegistryError(
      'INVALID_REQUEST',
      { size: sizeBytes },
      {
        status: 416,
        message: 'the range is not within the blob',
        headers: { 'Content-Range': `bytes */${sizeBytes}` },
      },
    );
  }
  const contentRange = `bytes ${range.start}-${range.end}/${sizeBytes}`;
  return { span: range, status: 206, headers: { ...headers, 'Content-Range': contentRange } };
}

async function sendBlob(
  exchange: ReadExchange,
  registry: Registry,
  blob: ReadableBlob,
  reply: BlobReply,
): Promise<void> {
  const { res } = exchange;
  const { storage, logger } = registry.deps;
  try {
    if (blob.sizeBytes <= SMALL_BLOB_BYTES) {
      const bytes = await storage.readSmall(blob.storageKey);
      requireWhole(blob, bytes.length);
      sendSlice(res, bytes, reply);
      return;
    }
    if (await sendElsewhere(exchange, registry, blob, reply)) return;
    const { stream, sizeBytes, sendTo } = await storage.readBlob(blob.storageKey, reply.span);
    requireWhole(blob, sizeBytes, stream);
    sendHead(res, reply.status, { ...reply.headers, 'Content-Length': lengthOf(reply.span) });
    res.setTimeout(IDLE_LIMIT_MS, () => res.destroy());
    // A reader that hangs up ends the sending with an error, which nobody is left to be told of.
    await sendTo(res);
  } catch (error) {
    if (!(error instanceof BlobMissingError)) throw error;
    logger.error({ err: error, key: blob.storageKey }, 'the bytes of a blob are missing');
    throw new RegistryError('BLOB_UNKNOWN', {}, { cause: error });
  }
}

/** Lets the store or the proxy in front send the bytes; false where neither does. */
async function sendElsewhere(
  exchange: ReadExchange,
  { deps, handOver }: Registry,
  blob: ReadableBlob,
  { status }: BlobReply,
): Promise<boolean> {
  const { req, res, route } = exchange;
  const digest = route.reference;
  const link = deps.config.FEATURE_PROXY_STORAGE ? undefined : await deps.storage.blobLink(blob.storageKey);
  if (link !== undefined) {
    // The client asks the store for its range; the address is signed for a while, so nobody may keep it.
    sendEmpty(res, 307, { 'Docker-Content-Digest': digest, 'Cache-Control': 'no-store', Location: link });
    return true;
  }
  const location = handOver(req);
  // A range that we leave out of account a proxy may not: it cuts the file itself.
  if (location === undefined || (req.headers.range !== undefined && status !== 206)) return false;
  const file = await deps.storage.blobFile(blob.storageKey);
  if (file === undefined) return false;
  requireWhole(blob, file.sizeBytes);
  // That it takes ranges, the proxy says itself.
  sendEmpty(res, 200, {
    ...headersOf(exchange, digest),
    ...BINARY,
    'X-Accel-Redirect': location + file.path,
  });
  return true;
}

/** A file that was cut short would keep the client waiting for the rest of what `Content-Length` promised. */
function requireWhole({ storageKey, sizeBytes }: ReadableBlob, found: number, stream?: Readable): void {
  if (found === sizeBytes) return;
  stream?.destroy();
  throw new BlobMissingError(storageKey, { cause: new Error(`it has ${found} bytes, not ${sizeBytes}`) });
}

function sendSlice(res: ServerResponse, bytes: Buffer, { span, status, headers }: BlobReply): void {
  sendBytes(res, status, bytes.subarray(span.start, span.end + 1), headers);
}

function lengthOf({ start, end }: Span): number {
  return end - start + 1;
}

/** The empty layer; but who may push and asks for it is to upload it, or the manifest that follows would miss it. */
function isEverywhere(exchange: ReadExchange, digest: string): boolean {
  return digest === EMPTY_LAYER.digest && !isBeforePush(exchange);
}

function isBeforePush({ req, granted }: ReadExchange): boolean {
  return req.method === 'HEAD' && allows(granted, 'push');
}

/** Who may push asks in order to leave the blob out of the push: it must be there still when the manifest comes. */
async function keepForPush(
  exchange: ReadExchange,
  { content, deps }: Registry,
  blob: ReadableBlob,
): Promise<void> {
  if (!isBeforePush(exchange) || isReadOnly(deps.config)) return;
  const { path, repositoryId } = exchange;
  const isHeld = blob.holdUntilMs > deps.now() + content.contentHoldMs / 2;
  if (isHeld && blob.state === 'live') return;
  if (!(await keepBlob(content, { repositoryId, blobId: blob.id }))) {
    throw new RegistryError('BLOB_UNKNOWN', { repository: path.name });
  }
}
