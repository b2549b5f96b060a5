import type { IncomingMessage, ServerResponse } from 'node:http';

import { searchCatalog } from '../../db/stores/catalog';
import { catalogView } from '../catalog/catalog-view';
import type { Registry } from '../exchange';
import { callerOf } from './callers';
import { sendV1 } from './send-v1';

const DEFAULT_SIZE = 25;
const LARGEST_SIZE = 100;
const LAST_PAGE = 10_000;

interface SearchRequest {
  req: IncomingMessage;
  res: ServerResponse;
  query: URLSearchParams;
}

/** `GET /v1/search?q=&n=&page=`: repositories with the text in their names that the caller may see; pages count from 1. */
export async function search({ req, res, query }: SearchRequest, registry: Registry): Promise<void> {
  const identity = await callerOf(req, registry);
  const text = (query.get('q') ?? '').slice(0, 255);
  const size = Math.max(1, numberOf(query.get('n'), DEFAULT_SIZE, LARGEST_SIZE));
  const page = Math.max(1, numberOf(query.get('page'), 1, LAST_PAGE));
  const view = catalogView(identity, registry, { withPublic: true });
  const window = { text: text.toLowerCase(), limit: size + 1, offset: (page - 1) * size };
  const found = text === '' ? [] : await searchCatalog(registry.pool, view, window);
  const results = found.slice(0, size).map(({ path, description, visibility }) => ({
    name: path,
    description,
    is_public: visibility === 'public',
    href: `/repository/${path}`,
  }));
  sendV1(res, 200, {
    query: text,
    num_results: results.length,
    num_pages: found.length > size ? page + 1 : page,
    page,
    page_size: size,
    results,
  });
}

/** What is no number counts as not said: clients of this protocol are old and are not taught any more. */
function numberOf(text: string | null, otherwise: number, most: number): number {
  return text !== null && /^\d{1,9}$/.test(text) ? Math.min(Number(text), most) : otherwise;
}
