import type { ReferrerRow } from '../../db/stores/content-reads';
import { referrersOf, referrerSizes } from '../../db/stores/content-reads';
import { isDigest } from '../../model/digests';
import { MANIFEST_TYPES } from '../../model/media-types';
import { authorize } from '../authorize';
import { RegistryError } from '../errors';
import type { ReadExchange, Registry, RepositoryExchange } from '../exchange';
import { nextLink } from '../paging';
import { sendBytes } from '../reply';

const PAGE_ENTRIES = 100;
const PAGE_BYTES = 4 * 1024 ** 2;
/** Rows come with their bodies, for the annotations: a few at a time, and no more bytes than a page has. */
const ROWS_AT_ONCE = 20;

interface Page {
  descriptors: object[];
  /** Where the next page begins; null on the last one. */
  nextId: number | null;
}

/**
 * `GET …/referrers/<digest>`: an index of all manifests whose subject it is. For a digest or a repository that is not
 * there yet the index is empty, never a 404 (registry spec 7).
 */
export async function listReferrers(exchange: RepositoryExchange, registry: Registry): Promise<void> {
  const { route, query } = exchange;
  const digest = route.reference;
  if (!isDigest(digest)) throw new RegistryError('DIGEST_INVALID', { digest }, { message: 'not a digest' });
  const artifactType = query.get('artifactType');
  const readable = await authorizeUnlessAbsent(exchange, registry);
  const page = readable
    ? await readPage(readable, registry, { digest, artifactType })
    : { descriptors: [], nextId: null };
  const body = { schemaVersion: 2, mediaType: MANIFEST_TYPES.ociIndex, manifests: page.descriptors };
  const rest: Record<string, string> = artifactType === null ? {} : { artifactType };
  sendBytes(exchange.res, 200, Buffer.from(JSON.stringify(body)), {
    'Content-Type': MANIFEST_TYPES.ociIndex,
    ...(artifactType !== null && { 'OCI-Filters-Applied': 'artifactType' }),
    ...(page.nextId !== null &&
      nextLink(`/v2/${route.name}/referrers/${digest}`, { ...rest, next: String(page.nextId) })),
  });
}

async function authorizeUnlessAbsent(
  exchange: RepositoryExchange,
  registry: Registry,
): Promise<ReadExchange | undefined> {
  try {
    return await authorize.read(exchange, registry);
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'NAME_UNKNOWN') return undefined;
    throw error;
  }
}

async function readPage(
  { repositoryId, query }: ReadExchange,
  { pool }: Registry,
  wanted: { digest: string; artifactType: string | null },
): Promise<Page> {
  const descriptors: object[] = [];
  let sizeBytes = 0;
  let afterId = startOf(query);
  for (;;) {
    const { artifactType, digest } = wanted;
    const next = { artifactType, afterId, limit: ROWS_AT_ONCE };
    const sizes = await referrerSizes(pool, repositoryId, digest, next);
    if (sizes.length === 0) return { descriptors, nextId: null };
    const limit = countWithin(sizes, PAGE_BYTES);
    const rows = await referrersOf(pool, repositoryId, digest, { ...next, limit });
    for (const row of rows) {
      const descriptor = describe(row);
      sizeBytes += JSON.stringify(descriptor).length;
      const isFull = descriptors.length === PAGE_ENTRIES || sizeBytes > PAGE_BYTES;
      if (isFull && descriptors.length > 0) return { descriptors, nextId: afterId };
      descriptors.push(descriptor);
      afterId = row.id;
    }
    if (sizes.length < ROWS_AT_ONCE && limit === sizes.length) return { descriptors, nextId: null };
  }
}

/** How many of the first are within the limit together; one at least. */
function countWithin(sizes: readonly number[], limitBytes: number): number {
  let sumBytes = 0;
  const tooMany = sizes.findIndex((size) => (sumBytes += size) > limitBytes);
  return tooMany < 0 ? sizes.length : Math.max(1, tooMany);
}

function startOf(query: URLSearchParams): number {
  const next = query.get('next') ?? '0';
  if (!/^\d{1,15}$/.test(next)) throw new RegistryError('INVALID_REQUEST', { next });
  return Number(next);
}

function describe({ mediaType, digest, sizeBytes, artifactType, body }: ReferrerRow): object {
  // Stored only after it was read as JSON with these annotations.
  const { annotations } = JSON.parse(body.toString('utf8')) as {
    annotations?: Record<string, string> | null;
  };
  return {
    mediaType,
    digest,
    size: sizeBytes,
    ...(artifactType !== null && { artifactType }),
    ...(annotations && { annotations }),
  };
}
