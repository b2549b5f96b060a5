import { Account } from '../../db/entities/accounts';
import { Repository } from '../../db/entities/repositories';
import { countActionsByDay } from '../../db/stores/repository-listing';
import { listTagLifetimes } from '../../db/stores/tag-history';
import { atLeast } from '../../model/roles';
import type { ApiDeps } from '../api-deps';
import { foundRepository } from '../found-repository';
import { unixSeconds } from '../present/dates';
import { booleanArgument } from '../query-arguments';
import type { ApiRequest, ApiResponse } from '../route';
import { presentTagOfRepository } from '../tags/present-tag';

const TAGS_AT_MOST = 500;
const DAY_MS = 86_400_000;
const STATS_DAYS = 90;

/** `GET /repository/{r}` (api spec 6). */
export async function getRepository(deps: ApiDeps, request: ApiRequest): Promise<ApiResponse> {
  const { manager } = deps.dataSource;
  const found = foundRepository(request);
  const repository = await manager.findOneByOrFail(Repository, { id: found.id });
  const namespace = await manager.findOneByOrFail(Account, { id: found.namespaceId });
  const role = request.repository?.role ?? null;
  const isPublic = repository.visibility === 'public';
  return {
    status: 200,
    body: {
      namespace: found.namespace,
      name: found.name,
      kind: 'image',
      description: repository.description,
      is_public: isPublic,
      is_organization: namespace.kind === 'organization',
      is_starred: false,
      status_token: isPublic ? '' : repository.badgeToken,
      trust_enabled: false,
      tag_expiration_s: unixSeconds(namespace.tagExpirationMs),
      is_free_account: true,
      state: repository.state,
      ...(booleanArgument(request.query, 'includeTags', true)
        ? { tags: await liveTags(deps, found.id) }
        : {}),
      can_write: atLeast(role, 'write') && repository.state === 'NORMAL',
      can_admin: role === 'admin',
      ...(booleanArgument(request.query, 'includeStats')
        ? { stats: await dailyActions(deps, found.id) }
        : {}),
    },
  };
}

async function liveTags(deps: ApiDeps, repositoryId: number) {
  const nowMs = deps.now();
  const window = { onlyActive: true, nowMs, endedAfterMs: nowMs, limit: TAGS_AT_MOST, offset: 0 };
  const tags = await listTagLifetimes(deps.dataSource.manager, repositoryId, window);
  return Object.fromEntries(tags.map((tag) => [tag.name, presentTagOfRepository(tag)]));
}

async function dailyActions(deps: ApiDeps, repositoryId: number) {
  const today = Math.floor(deps.now() / DAY_MS);
  const first = today - STATS_DAYS + 1;
  const counts = await countActionsByDay(deps.dataSource.manager, repositoryId, first * DAY_MS);
  return Array.from({ length: STATS_DAYS }, (_, index) => ({
    date: new Date((first + index) * DAY_MS).toISOString().slice(0, 10),
    count: counts.get(first + index) ?? 0,
  }));
}
