import { readableRepositoryNames } from '../../db/stores/catalog';
import type { ProvenExchange, Registry } from '../exchange';
import { nextLink, parsePage } from '../paging';
import { sendJson } from '../reply';

/** `GET /v2/_catalog?n=&last=`: what the caller may pull by a grant, in ASCII order; nothing for nobody (registry spec 8). */
export async function listCatalog({ token, query, res }: ProvenExchange, { pool }: Registry): Promise<void> {
  const { size, last } = parsePage(query);
  const { identity } = token;
  const isAccount = identity.kind === 'user' || identity.kind === 'robot';
  const found = isAccount
    ? await readableRepositoryNames(pool, identity.accountId, { last, limit: size + 1 })
    : [];
  const repositories = found.slice(0, size);
  const end = repositories.at(-1);
  const hasMore = found.length > size && end !== undefined;
  sendJson(
    res,
    200,
    { repositories },
    hasMore ? nextLink('/v2/_catalog', { n: String(size), last: end }) : {},
  );
}
