import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';

import type { PutTag } from '../../commands/content/put-manifest';
import { putManifest } from '../../commands/content/put-manifest';
import { parseDigest } from '../../model/digests';
import type { ParsedManifest } from '../../model/manifests';
import { parseManifest } from '../../model/manifests';
import { isTagName } from '../../model/names';
import { RegistryError } from '../errors';
import type { Registry, RepositoryExchange } from '../exchange';
import { sendEmpty } from '../reply';
import { warningHeaders } from '../warnings';
import { readBody } from '../read-body';
import { readConfigLabels } from './read-config-labels';
import type { Reference } from './reference';
import { parseReference } from './reference';

/** Whoever pushes to a tag that ends before this is warned. */
const SOON_MS = 24 * 3600_000;
/** Beyond this the request line is more of an attack than a push. */
const TAGS_AT_ONCE = 100;

/** `PUT …/manifests/<tag or digest>` (registry spec 5.2). */
export async function pushManifest(exchange: RepositoryExchange, registry: Registry): Promise<void> {
  const { req, res, route, pusher, path } = exchange;
  const reference = parseReference(route.reference);
  const tags = tagsOf(reference, exchange.query);
  exchange.acceptBody();
  const body = await readBody(req, registry.deps.config.MAXIMUM_MANIFEST_SIZE_BYTES);
  const digest = digestOf(reference, body);
  const manifest = parse(req.headers['content-type'] ?? '', body);
  const configLabels = await readConfigLabels(registry, path, manifest);
  const push = { digest, tags, body, manifest, configLabels };
  const put = await putManifest(registry.content, pusher, path, push);
  sendEmpty(res, 201, {
    Location: `/v2/${route.name}/manifests/${digest}`,
    'Docker-Content-Digest': digest,
    ...(manifest.subject && { 'OCI-Subject': manifest.subject.digest }),
    ...(reference.kind === 'digest' && tags.length > 0 && { 'OCI-Tag': tags }),
    ...warningHeaders(endingSoon(put, registry.deps.now())),
  });
}

/** A push does not make a tag live longer unless its labels say so; who expects that had better know. */
function endingSoon(tags: readonly PutTag[], nowMs: number): string[] {
  return tags.flatMap(({ name, lifetimeEndMs }) =>
    lifetimeEndMs !== null && lifetimeEndMs < nowMs + SOON_MS
      ? [`tag ${name} expires at ${new Date(lifetimeEndMs).toISOString()}`]
      : [],
  );
}

/** The tag of the address, or the tags that a push by digest names besides; all are looked at before anything is stored. */
function tagsOf(reference: Reference, query: URLSearchParams): string[] {
  if (reference.kind === 'tag') return [reference.tag];
  const tags = [...new Set(query.getAll('tag').flatMap((value) => value.split(',')))];
  const wrong = tags.find((tag) => !isTagName(tag));
  if (wrong !== undefined) {
    throw new RegistryError('TAG_INVALID', { tag: wrong }, { message: `"${wrong}" is not a tag name` });
  }
  if (tags.length > TAGS_AT_ONCE) {
    throw new RegistryError(
      'INVALID_REQUEST',
      { limit: TAGS_AT_ONCE },
      { status: 414, message: 'too many tags at once' },
    );
  }
  return tags;
}

function digestOf(reference: Reference, body: Buffer): string {
  if (reference.kind === 'tag') return `sha256:${hash('sha256', body)}`;
  const algorithm = parseDigest(reference.digest)?.algorithm ?? 'sha256';
  const actual = `${algorithm}:${hash(algorithm, body)}`;
  if (actual !== reference.digest) {
    throw new RegistryError('DIGEST_INVALID', { digest: reference.digest, actual });
  }
  return actual;
}

function parse(contentType: string, body: Buffer): ParsedManifest {
  // Decoding would put something readable in place of it, which is not what others then find in the bytes.
  if (!isUtf8(body)) throw invalid('the body is not UTF-8');
  const verdict = parseManifest(contentType, body.toString('utf8'));
  if (verdict.ok) return verdict.manifest;
  throw invalid(verdict.problem, verdict.unsupported ? 415 : 400);
}

function invalid(message: string, status = 400): RegistryError {
  return new RegistryError('MANIFEST_INVALID', { message }, { message, status });
}
