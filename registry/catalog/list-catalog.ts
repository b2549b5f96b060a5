import { credentialProof } from '../../auth/credential-proof';
import type { Identity } from '../../auth/identity';
import { repositoryCap } from '../../auth/scopes';
import { readableRepositoryNames } from '../../db/stores/catalog';
import { unauthorized } from '../challenge';
import type { ProvenExchange, Registry } from '../exchange';
import { nextLink, parsePage } from '../paging';
import { sendJson } from '../reply';

/** `GET /v2/_catalog?n=&last=`: what the caller may pull by a grant, in ASCII order; nothing for nobody (registry spec 8). */
export async function listCatalog(
  { token, query, res }: ProvenExchange,
  { deps, pool }: Registry,
): Promise<void> {
  const { size, last } = parsePage(query);
  const { identity, proof } = token;
  if ((await credentialProof(deps.dataSource.manager, identity, deps.now())) !== proof) {
    throw unauthorized(deps.config, { error: 'invalid_token' });
  }
  const reader = readerOf(identity);
  const found = reader === null ? [] : await readableRepositoryNames(pool, reader, { last, limit: size + 1 });
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

/** Null for whoever may read nothing by a grant: nobody, repository tokens, and bearer tokens without such a scope. */
function readerOf(identity: Identity): number | null {
  if (identity.kind === 'robot') return identity.accountId;
  return identity.kind === 'user' && repositoryCap(identity.scopes) ? identity.accountId : null;
}
