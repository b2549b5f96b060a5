import { readsAll } from '../../auth/access';
import type { Identity } from '../../auth/identity';
import { repositoryCap } from '../../auth/scopes';
import type { ListedRepository } from '../../db/stores/repository-listing';
import { listRepositories } from '../../db/stores/repository-listing';
import type { ApiDeps } from '../api-deps';
import { invalidRequest, PlainRefusal } from '../errors';
import type { PageTokens } from '../page-tokens';
import { unixSeconds } from '../present/dates';
import { booleanArgument } from '../query-arguments';
import type { ApiRequest, ApiResponse } from '../route';

const PAGE_SIZE = 100;
const POPULARITY_WINDOW_MS = 7 * 86_400_000;

/** `GET /repository`: what the caller may read, a hundred at a time (api spec 6). */
export async function listVisibleRepositories(
  deps: ApiDeps,
  pageTokens: PageTokens,
  request: ApiRequest,
): Promise<ApiResponse> {
  const { query, identity } = request;
  const asked = {
    namespace: query.get('namespace') ?? undefined,
    starred: booleanArgument(query, 'starred'),
    public: booleanArgument(query, 'public'),
  };
  if (!asked.namespace && !asked.starred && !asked.public) {
    throw invalidRequest('namespace, starred or public are required for this API call');
  }
  if (asked.starred && identity.kind !== 'user') {
    throw new PlainRefusal(400, { message: 'starred repositories are those of a user: sign in first' });
  }
  // There are no stars yet.
  if (asked.starred) return { status: 200, body: { repositories: [] } };
  const nowMs = deps.now();
  const accountId = readerOf(identity);
  const found = await listRepositories(deps.dataSource.manager, {
    accountId,
    everything: readsAll(identity, deps.policy),
    includePublic: asked.public || accountId === null,
    namespace: asked.namespace,
    nowMs,
    activeSinceMs: nowMs - POPULARITY_WINDOW_MS,
    afterId: pageTokens.open('listRepos', request) ?? 0,
    limit: PAGE_SIZE + 1,
  });
  const page = found.slice(0, PAGE_SIZE);
  const lastId = found.length > PAGE_SIZE ? page.at(-1)?.id : undefined;
  return {
    status: 200,
    body: {
      repositories: page.map((repository) => presentListed(repository, query, identity)),
      ...(lastId === undefined ? {} : { next_page: pageTokens.seal('listRepos', request, lastId) }),
    },
  };
}

/** A token that may not read repositories sees what nobody sees. */
function readerOf(identity: Identity): number | null {
  return identity.kind === 'user' && repositoryCap(identity.scopes) !== null ? identity.accountId : null;
}

function presentListed(repository: ListedRepository, query: URLSearchParams, identity: Identity) {
  const { lastModifiedMs } = repository;
  return {
    namespace: repository.namespace,
    name: repository.name,
    description: repository.description,
    is_public: repository.visibility === 'public',
    kind: 'image',
    state: repository.state,
    ...(booleanArgument(query, 'last_modified')
      ? { last_modified: lastModifiedMs === null ? null : unixSeconds(lastModifiedMs) }
      : {}),
    ...(booleanArgument(query, 'popularity') ? { popularity: repository.actions } : {}),
    ...(identity.kind === 'user' ? { is_starred: false } : {}),
  };
}
