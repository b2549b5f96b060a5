import { z } from 'zod';

import { changeTagExpiry } from '../../commands/content/change-tag-expiry';
import { deleteTag, moveTag, restoreTag } from '../../commands/content/tags';
import { listTagLifetimes } from '../../db/stores/tag-history';
import { findTagWindowMs } from '../../db/stores/tags';
import { parseRepositoryPath } from '../../model/names';
import type { ApiDeps } from '../api-deps';
import { invalidRequest, notFound, PlainRefusal } from '../errors';
import { foundRepository } from '../found-repository';
import { booleanArgument, integerArgument } from '../query-arguments';
import type { ApiRequest, ApiResponse, ApiRoute } from '../route';
import { route } from '../route';
import { childPresence } from './child-presence';
import { presentTag } from './present-tag';

const ONE = '/repository/{r}/tag/{tag}';
const WRITE = { access: 'repository-write', normalState: true } as const;

const tagChange = z.looseObject({
  manifest_digest: z.string().nullish(),
  /** Unix seconds; null clears. */
  expiration: z.number().nullish(),
});
const restore = z.looseObject({ manifest_digest: z.string() });

/** Tags and their history (api spec 7). */
export function createTagRoutes(deps: ApiDeps): ApiRoute[] {
  return [
    route({
      method: 'GET',
      path: '/repository/{r}/tag/',
      operationId: 'listRepoTags',
      access: 'repository-read',
      handle: (request) => listTags(deps, request),
    }),
    route({
      method: 'PUT',
      path: ONE,
      operationId: 'changeTag',
      ...WRITE,
      bodySchema: tagChange,
      handle: (request) => changeTag(deps, request),
    }),
    route({
      method: 'DELETE',
      path: ONE,
      operationId: 'deleteFullTag',
      ...WRITE,
      async handle(request) {
        const { path, tag } = namedTag(request);
        await deleteTag(deps, request.identity, path, tag, request.actor);
        return { status: 204 };
      },
    }),
    route({
      method: 'POST',
      path: `${ONE}/restore`,
      operationId: 'restoreTag',
      ...WRITE,
      bodySchema: restore,
      async handle(request) {
        const { path, tag } = namedTag(request);
        const input = { tag, digest: request.body.manifest_digest, actor: request.actor };
        await restoreTag(deps, request.identity, path, input);
        return { status: 200, body: {} };
      },
    }),
  ];
}

async function listTags(deps: ApiDeps, request: ApiRequest): Promise<ApiResponse> {
  const { query } = request;
  const { manager } = deps.dataSource;
  const repository = foundRepository(request);
  const limit = integerArgument(query, 'limit', { byDefault: 50, min: 1, max: 100 });
  const page = integerArgument(query, 'page', { byDefault: 1, min: 1, max: 100_000 });
  const nowMs = deps.now();
  const lifetimes = await listTagLifetimes(manager, repository.id, {
    onlyActive: booleanArgument(query, 'onlyActiveTags'),
    nowMs,
    endedAfterMs: nowMs - (await findTagWindowMs(manager, repository.namespaceId)),
    ...nameFilter(query),
    limit: limit + 1,
    offset: (page - 1) * limit,
  });
  const shown = lifetimes.slice(0, limit);
  const presence = await childPresence(manager, repository.id, shown);
  const tags = shown.map((tag) => presentTag(tag, presence.get(tag.manifestId)));
  return { status: 200, body: { tags, page, has_additional: lifetimes.length > limit } };
}

/** `specificTag=<name>`, `filter_tag_name=eq:<name>` or `filter_tag_name=like:<part>`. */
function nameFilter(query: URLSearchParams): { name?: string; namePart?: string } {
  const exact = query.get('specificTag');
  if (exact) return { name: exact };
  const filter = query.get('filter_tag_name');
  if (!filter) return {};
  const [, operator, text] = /^(eq|like):(.*)$/.exec(filter) ?? [];
  if (text === undefined) {
    throw new PlainRefusal(400, {
      message: `filter_tag_name "${filter}" is neither like:<part> nor eq:<name>`,
    });
  }
  return operator === 'eq' ? { name: text } : { namePart: text };
}

/** Expiry first, then the move (api spec 7). */
async function changeTag(
  deps: ApiDeps,
  request: ApiRequest<z.infer<typeof tagChange>>,
): Promise<ApiResponse> {
  const { path, tag } = namedTag(request);
  const { expiration, manifest_digest: digest } = request.body;
  if (expiration !== undefined) {
    const expiresAtMs = expiration === null ? null : expiration * 1000;
    await changeTagExpiry(deps, request, { path, tag, expiresAtMs });
  }
  if (digest) await moveTag(deps, request.identity, path, { tag, digest, actor: request.actor });
  return { status: 201, body: 'Updated' };
}

function namedTag(request: ApiRequest) {
  const path = parseRepositoryPath(request.params.r ?? '');
  if (!path) throw notFound();
  if (!request.params.tag) throw invalidRequest('a tag is needed', 'tag');
  return { path, tag: request.params.tag };
}
