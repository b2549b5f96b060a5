import type { IncomingMessage } from 'node:http';

/** True when the client has these bytes already: the entity tag of content is its digest (performance spec 4.4). */
export function isNotModified({ headers }: IncomingMessage, digest: string): boolean {
  const known = headers['if-none-match'];
  if (known === undefined) return false;
  const tags = known.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(`"${digest}"`);
}
