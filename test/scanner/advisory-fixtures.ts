import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'yaml';

import type { Advisory } from '../../scanner/advisories/advisory';
import { debianAdvisories } from '../../scanner/advisories/debian-tracker';
import { type ParsedOsv, parseOsv } from '../../scanner/advisories/osv';

const FIXTURES = join(__dirname, 'fixtures');

/** Versions must stay text, as they do when the product reads a record. */
export function parseOsvYaml(text: string): ParsedOsv {
  return parseOsv(parse(text, { schema: 'failsafe' }));
}

export function osvFixture(id: string): ParsedOsv {
  return parseOsvYaml(readFileSync(join(FIXTURES, 'osv', `${id}.yaml`), 'utf8'));
}

export function trackerFixture(): Advisory[] {
  const tracker: unknown = JSON.parse(readFileSync(join(FIXTURES, 'debian-tracker.json'), 'utf8'));
  return [
    ...debianAdvisories(tracker, {
      warn: (message) => {
        throw new Error(message);
      },
    }),
  ];
}
