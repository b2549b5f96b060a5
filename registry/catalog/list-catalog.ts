import { readsAll } from '../../auth/access';
import { credentialProof } from '../../auth/credential-proof';
import type { Identity } from '../../auth/identity';
import { isRobotAllowed } from '../../auth/robots';
import { repositoryCap } from '../../auth/scopes';
import { catalogNames } from '../../db/stores/catalog';
import { unauthorized } from '../challenge';
import type { ProvenExchange, Registry } from '../exchange';
import { nextLink, parsePage } from '../paging';
import { sendJson } from '../reply';

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
  const view = {
    accountId: grantee(identity, registry),
    everything: readsAll(identity, registry.policy),
    includesPublic:
      config.FEATURE_PUBLIC_CATALOG && (identity.kind !== 'anonymous' || config.FEATURE_ANONYMOUS_ACCESS),
  };
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

/** Whose grants count: nobody's for a token that may not read repositories, or a robot that is not to work. */
function grantee(identity: Identity, { policy }: Registry): number | null {
  if (identity.kind === 'robot') {
    return isRobotAllowed(policy.robots, identity.name) ? identity.accountId : null;
  }
  const mayRead = identity.kind === 'user' && repositoryCap(identity.scopes) !== null;
  return mayRead ? identity.accountId : null;
}
