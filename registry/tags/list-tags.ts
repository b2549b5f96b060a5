import { liveTagNames } from '../../db/stores/content-reads';
import { formatRepositoryPath } from '../../model/names';
import type { ReadExchange, Registry } from '../exchange';
import { nextLink, parsePage } from '../paging';
import { sendJson } from '../reply';

/** `GET …/tags/list?n=&last=`: live tags in ASCII order, as they are now (registry spec 6). */
export async function listTags(exchange: ReadExchange, { pool, deps }: Registry): Promise<void> {
  const { query, repositoryId, path, route, res } = exchange;
  const { size, last } = parsePage(query);
  const name = formatRepositoryPath(path);
  if (size === 0) {
    sendJson(res, 200, { name, tags: [] });
    return;
  }
  const found = await liveTagNames(pool, repositoryId, { last, limit: size + 1, nowMs: deps.now() });
  const tags = found.slice(0, size);
  const end = tags.at(-1);
  const hasMore = found.length > size && end !== undefined;
  const link = hasMore ? nextLink(`/v2/${route.name}/tags/list`, { n: String(size), last: end }) : {};
  sendJson(res, 200, { name, tags }, link);
}
