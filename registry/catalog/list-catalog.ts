import { credentialProof } from '../../auth/credential-proof';
import { catalogNames } from '../../db/stores/catalog';
import { unauthorized } from '../challenge';
import type { ProvenExchange, Registry } from '../exchange';
import { nextLink, parsePage } from '../paging';
import { sendJson } from '../reply';
import { catalogView } from './catalog-view';

/**
 * `GET /v2/_catalog?n=&last=`: what the caller may pull by a grant, in ASCII order; with `FEATURE_PUBLIC_CATALOG` what is
 * public too, for everybody (registry spec 8).
 */
export async function listCatalog(exchange: ProvenExchange, registry: Registry): Promise<void> {
  const { token, query, res } = exchange;
  const { config, dataSource, now } = registry.deps;
  const { identity, proof } = token;
  if ((await credentialProof(dataSource.manager, identity, now())) !== proof) {
    throw unauthorized(config, { error: 'invalid_token' });
  }
  const { size, last } = parsePage(query);
  const view = catalogView(identity, registry, { withPublic: config.FEATURE_PUBLIC_CATALOG });
  const found = await catalogNames(registry.pool, view, { last, limit: size + 1 });
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
