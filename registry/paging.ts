import { RegistryError } from './errors';

/** A list's parameters `n` and `last` (registry spec 6). */
export interface Page {
  /** At most this many. */
  size: number;
  /** Continues behind this name, which need not exist; empty from the beginning. */
  last: string;
}

const DEFAULT_SIZE = 100;
const LARGEST_SIZE = 1000;

export function parsePage(query: URLSearchParams): Page {
  const n = query.get('n');
  if (n !== null && !/^\d{1,9}$/.test(n)) {
    throw new RegistryError('INVALID_REQUEST', { n }, { message: `n is "${n}", not a number` });
  }
  const size = n === null ? DEFAULT_SIZE : Math.min(Number(n), LARGEST_SIZE);
  return { size, last: query.get('last') ?? '' };
}

/** The header that leads to the next page; path-only, as all addresses of ours (registry spec 18.3). */
export function nextLink(path: string, parameters: Record<string, string>): { Link: string } {
  return { Link: `<${path}?${new URLSearchParams(parameters).toString()}>; rel="next"` };
}
