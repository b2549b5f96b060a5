import assert from 'node:assert/strict';

export interface ParsedChallenge {
  realm: string;
  service: string;
  scope?: string;
}

/** The one Bearer challenge that a 401 has; clients read only one set of parameters. */
export function parseChallenge(header: string | undefined): ParsedChallenge {
  assert.ok(header !== undefined, 'a 401 has no challenge');
  assert.deepEqual(header.match(/\b(?:Bearer|Basic)\b/gi), ['Bearer']);
  const pairs = [...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]);
  const { realm, service, scope } = Object.fromEntries(pairs) as Partial<ParsedChallenge>;
  assert.ok(realm !== undefined && service !== undefined, header);
  return { realm, service, ...(scope !== undefined && { scope }) };
}
