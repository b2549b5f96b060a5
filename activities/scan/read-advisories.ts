import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';

import { parse } from 'yaml';

import type { NewAdvisory } from '../../db/stores/scanning';
import type { Advisory } from '../../scanner/advisories/advisory';
import { debianAdvisories } from '../../scanner/advisories/debian-tracker';
import { parseOsv } from '../../scanner/advisories/osv';
import type { SourceFiles } from './advisory-folder';
import { zipMembers } from './zip-members';

const LARGEST_RECORD_BYTES = 16 * 1024 ** 2;
const LARGEST_TRACKER_BYTES = 512 * 1024 ** 2;
const MOST_WARNINGS = 50;
/** Widths of the columns. */
const LONGEST = { namespace: 128, packageName: 255, advisoryId: 128 };

/** What was passed over; the rest of the source counts all the same. */
export class SourceWarnings {
  private readonly first: string[] = [];
  private more = 0;

  readonly add = (message: string): void => {
    if (this.first.length < MOST_WARNINGS) this.first.push(message.slice(0, 500));
    else this.more += 1;
  };

  list(): string[] {
    return this.more === 0 ? this.first : [...this.first, `${this.more} more`];
  }
}

/**
 * The advisories of a source, read file by file. Throws at a file that cannot be read or parsed, so that the data of
 * before stays; a bad member of a zip, or a record that is none, is a warning (scanning spec 4.3, 7.5 #13).
 */
export async function* readAdvisories(
  source: SourceFiles,
  warnings: SourceWarnings,
): AsyncGenerator<NewAdvisory> {
  for (const { path, name, sizeBytes } of source.files) {
    try {
      yield* source.kind === 'debian-tracker'
        ? readTracker(path, sizeBytes, warnings)
        : readOsvFile(path, sizeBytes, warnings);
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

async function* readTracker(
  path: string,
  sizeBytes: number,
  warnings: SourceWarnings,
): AsyncGenerator<NewAdvisory> {
  requireSize(sizeBytes, LARGEST_TRACKER_BYTES);
  const tracker: unknown = JSON.parse(await readFile(path, 'utf8'));
  yield* storable(debianAdvisories(tracker, { warn: warnings.add }), warnings);
}

async function* readOsvFile(
  path: string,
  sizeBytes: number,
  warnings: SourceWarnings,
): AsyncGenerator<NewAdvisory> {
  if (extname(path) !== '.zip') {
    requireSize(sizeBytes, LARGEST_RECORD_BYTES);
    yield* readRecord(path, await readFile(path, 'utf8'), warnings);
    return;
  }
  const wants = (name: string) => /\.(json|ya?ml)$/.test(name);
  for await (const member of zipMembers(path, { wants, largestBytes: LARGEST_RECORD_BYTES })) {
    if ('problem' in member) {
      warnings.add(`${member.name}: ${member.problem}`);
      continue;
    }
    try {
      yield* readRecord(member.name, member.content.toString('utf8'), warnings);
    } catch (error) {
      warnings.add(`${member.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function* readRecord(name: string, text: string, warnings: SourceWarnings): Generator<NewAdvisory> {
  // Failsafe, because versions such as 1.10 must stay text.
  const record: unknown = name.endsWith('.json') ? JSON.parse(text) : parse(text, { schema: 'failsafe' });
  const parsed = parseOsv(record);
  for (const warning of parsed.warnings) warnings.add(`${name}: ${warning}`);
  yield* storable(parsed.advisories, warnings);
}

function* storable(advisories: Iterable<Advisory>, warnings: SourceWarnings): Generator<NewAdvisory> {
  for (const document of advisories) {
    const { namespace, packageName, advisoryId, severity } = document;
    const isTooLong =
      namespace.length > LONGEST.namespace ||
      packageName.length > LONGEST.packageName ||
      advisoryId.length > LONGEST.advisoryId;
    if (isTooLong) warnings.add(`${advisoryId.slice(0, LONGEST.advisoryId)}: a name in it is too long`);
    else yield { namespace, packageName, advisoryId, severity, document };
  }
}

function requireSize(sizeBytes: number, mostBytes: number): void {
  if (sizeBytes > mostBytes) throw new Error(`it has ${sizeBytes} bytes, more than ${mostBytes}`);
}
