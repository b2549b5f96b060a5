import type { StoredManifest } from '../../db/stores/content-reads';
import { manifestByDigest, manifestByTag, tagHasEnded } from '../../db/stores/content-reads';
import { RegistryError } from '../errors';
import type { ReadExchange, Registry } from '../exchange';
import { isNotModified } from '../not-modified';
import { sendBytes, sendEmpty, sendHead } from '../reply';
import type { Reference } from './reference';
import { parseReference } from './reference';

/** `GET` and `HEAD …/manifests/<tag or digest>`: the bytes as they were pushed (registry spec 5.1). */
export async function getManifest(exchange: ReadExchange, registry: Registry): Promise<void> {
  const { req, res } = exchange;
  const reference = parseReference(exchange.route.reference);
  const manifest = await find(exchange, registry, reference);
  if (!manifest) throw await missing(exchange, registry, reference);
  const { digest, mediaType, sizeBytes, body } = manifest;
  const headers = { 'Docker-Content-Digest': digest, ETag: `"${digest}"` };
  if (isNotModified(req, digest)) {
    sendEmpty(res, 304, headers);
    return;
  }
  const full = { ...headers, 'Content-Type': mediaType };
  if (body) {
    sendBytes(res, 200, body, full);
    return;
  }
  sendHead(res, 200, { ...full, 'Content-Length': sizeBytes });
  res.end();
}

function find(
  { req, repositoryId }: ReadExchange,
  { pool, deps, manifestReads }: Registry,
  reference: Reference,
): Promise<StoredManifest | undefined> {
  const withBody = req.method !== 'HEAD';
  const name = reference.kind === 'tag' ? reference.tag : reference.digest;
  // Only a digest has a colon, so the key names one of them.
  return manifestReads.run(`${repositoryId} ${withBody} ${name}`, () =>
    reference.kind === 'tag'
      ? manifestByTag(pool, repositoryId, reference.tag, { nowMs: deps.now(), withBody })
      : manifestByDigest(pool, repositoryId, reference.digest, { withBody }),
  );
}

async function missing(
  { repositoryId }: ReadExchange,
  { pool, deps }: Registry,
  reference: Reference,
): Promise<RegistryError> {
  if (reference.kind === 'digest') return new RegistryError('MANIFEST_UNKNOWN', { digest: reference.digest });
  const { tag } = reference;
  const hasEnded = await tagHasEnded(pool, repositoryId, tag, deps.now());
  return new RegistryError(hasEnded ? 'TAG_EXPIRED' : 'MANIFEST_UNKNOWN', { tag });
}
