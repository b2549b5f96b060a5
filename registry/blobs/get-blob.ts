import { pipeline } from 'node:stream/promises';

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
import type { Span } from './byte-range';
import { parseRange } from './byte-range';
import { EMPTY_LAYER } from './empty-layer';

/** A client that takes nothing for this long has gone. */
const IDLE_LIMIT_MS = 60_000;

/** `GET` and `HEAD …/blobs/<digest>`, whole or a range (registry spec 4.1, performance spec 4). */
export async function getBlob(exchange: ReadExchange, registry: Registry): Promise<void> {
  const { req, res, route, repositoryId, isPublic } = exchange;
  const digest = route.reference;
  if (!isDigest(digest)) throw new RegistryError('DIGEST_INVALID', { digest }, { message: 'not a digest' });
  const blob = await blobInRepository(registry.pool, repositoryId, digest, registry.deps.now());
  const headers = {
    'Docker-Content-Digest': digest,
    ETag: `"${digest}"`,
    'Cache-Control': `${isPublic ? 'public' : 'private'}, max-age=31536000, immutable`,
    'Accept-Ranges': 'bytes',
  };
  if (!blob && digest !== EMPTY_LAYER.digest) throw new RegistryError('BLOB_UNKNOWN', { digest });
  if (blob) await keepForPush(exchange, registry, blob);
  if (isNotModified(req, digest)) {
    sendEmpty(res, 304, headers);
    return;
  }
  const sizeBytes = blob?.sizeBytes ?? EMPTY_LAYER.bytes.length;
  const range = parseRange(req.headers.range, sizeBytes);
  if (range === 'unsatisfiable')
    throw new RegistryError(
      'INVALID_REQUEST',
      { size: sizeBytes },
      {
        status: 416,
        message: 'the range is not within the blob',
        headers: { 'Content-Range': `bytes */${sizeBytes}` },
      },
    );
  const span = range === 'whole' ? { start: 0, end: sizeBytes - 1 } : range;
  const status = range === 'whole' ? 200 : 206;
  const full = {
    ...headers,
    'Content-Type': 'application/octet-stream',
    ...(range !== 'whole' && { 'Content-Range': `bytes ${span.start}-${span.end}/${sizeBytes}` }),
  };
  if (req.method === 'HEAD') {
    sendHead(res, status, { ...full, 'Content-Length': span.end - span.start + 1 });
    res.end();
    return;
  }
  if (!blob) sendBytes(res, status, EMPTY_LAYER.bytes.subarray(span.start, span.end + 1), full);
  else await sendBlob(exchange, registry, { blob, span, status, headers: full });
}

interface BlobReply {
  blob: ReadableBlob;
  span: Span;
  status: number;
  headers: Record<string, string>;
}

async function sendBlob({ res }: ReadExchange, registry: Registry, reply: BlobReply): Promise<void> {
  const { blob, span, status, headers } = reply;
  const { storage } = registry.deps;
  try {
    if (blob.sizeBytes <= SMALL_BLOB_BYTES) {
      const bytes = await storage.readSmall(blob.storageKey);
      sendBytes(res, status, bytes.subarray(span.start, span.end + 1), headers);
      return;
    }
    const { stream } = await storage.readBlob(blob.storageKey, span);
    sendHead(res, status, { ...headers, 'Content-Length': span.end - span.start + 1 });
    res.setTimeout(IDLE_LIMIT_MS, () => res.destroy());
    await pipeline(stream, res);
  } catch (error) {
    if (!(error instanceof BlobMissingError)) throw error;
    registry.deps.logger.error({ err: error, key: blob.storageKey }, 'the bytes of a blob are missing');
    throw new RegistryError('BLOB_UNKNOWN', {}, { cause: error });
  }
}

/** Who may push asks in order to leave the blob out of the push: it must be there still when the manifest comes. */
async function keepForPush(
  { req, granted, path, repositoryId }: ReadExchange,
  { content, deps }: Registry,
  blob: ReadableBlob,
): Promise<void> {
  if (req.method !== 'HEAD' || !allows(granted, 'push')) return;
  const isHeld = blob.holdUntilMs > deps.now() + content.contentHoldMs / 2;
  if (isHeld && blob.state === 'live') return;
  if (!(await keepBlob(content, { repositoryId, blobId: blob.id })))
    throw new RegistryError('BLOB_UNKNOWN', { repository: path.name });
}
