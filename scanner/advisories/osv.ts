import { normalizePythonName } from '../python/python-name';
import { compareVersions, type VersionKind } from '../versions/version-order';
import type { Advisory, AdvisoryRule, AffectedRange, RangeEvent } from './advisory';
import { evaluateRange, sortEvents } from './affected-range';
import { osvRecordSchema, type OsvAffected, type OsvRecord } from './osv-schema';
import { osvSeverity } from './osv-severity';

interface Ecosystem {
  namespace: string;
  versionKind: VersionKind;
  rangeType: 'ECOSYSTEM' | 'SEMVER';
  normalizeName(name: string): string;
}

/** Ecosystems of the OSV schema that are matched; records of any other are left out. */
const ECOSYSTEMS: Readonly<Record<string, Ecosystem>> = {
  PyPI: {
    namespace: 'pypi',
    versionKind: 'pep440',
    rangeType: 'ECOSYSTEM',
    normalizeName: normalizePythonName,
  },
};

/** What became of one OSV record. `withdrawn` ones must not be served; `invalid` ones are to be counted. */
export interface ParsedOsv {
  outcome: 'loaded' | 'withdrawn' | 'unsupported' | 'unusable' | 'invalid';
  advisoryId: string;
  advisories: Advisory[];
  warnings: string[];
}

/**
 * Reads one OSV record, already parsed from JSON or YAML (read YAML with the failsafe schema: versions are strings).
 * Makes one advisory per affected package; scanning spec 3.3. Never throws.
 */
export function parseOsv(document: unknown): ParsedOsv {
  const parsed = osvRecordSchema.safeParse(document);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const warnings = [`osv record: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not readable'}`];
    return { outcome: 'invalid', advisoryId: '', advisories: [], warnings };
  }
  const record = parsed.data;
  const result: ParsedOsv = { outcome: 'unsupported', advisoryId: record.id, advisories: [], warnings: [] };
  if (record.withdrawn) return { ...result, outcome: 'withdrawn' };
  for (const affected of record.affected ?? []) {
    const ecosystem = ecosystemOf(affected);
    if (!ecosystem) continue;
    const rule = ruleOf(affected, ecosystem, (message) => result.warnings.push(`${record.id}: ${message}`));
    if (rule) result.advisories.push(advisoryOf(record, affected, ecosystem, rule));
    else result.outcome = 'unusable';
  }
  return result.advisories.length > 0 ? { ...result, outcome: 'loaded' } : result;
}

/** The ecosystem goes up to a suffix such as `Debian:12`. */
function ecosystemOf(affected: OsvAffected): Ecosystem | undefined {
  const name = affected.package?.ecosystem.split(':')[0] ?? '';
  return Object.hasOwn(ECOSYSTEMS, name) ? ECOSYSTEMS[name] : undefined;
}

/** Undefined for an element that can never match: no usable range and no versions. */
function ruleOf(
  affected: OsvAffected,
  ecosystem: Ecosystem,
  warn: (message: string) => void,
): AdvisoryRule | undefined {
  const { versionKind } = ecosystem;
  const ranges: AffectedRange[] = [];
  for (const range of affected.ranges ?? []) {
    if (range.type !== ecosystem.rangeType) continue;
    const events = sortEvents(versionKind, rangeEvents(range.events ?? []));
    if (!events) warn(`a range of ${affected.package?.name ?? ''} has a version that is not ${versionKind}`);
    if (!events?.some((event) => event.type === 'introduced')) continue;
    ranges.push({ events, limits: (range.events ?? []).flatMap(({ limit }) => limit ?? []) });
  }
  const listed = affected.versions ?? [];
  if (ranges.length === 0 && listed.length === 0) return undefined;
  return { type: 'ranges', versionKind, ranges, versions: listed.filter((version) => !isCovered(version)) };

  /** Most listed versions are within a range; a row that leaves them out matches the same and is far smaller. */
  function isCovered(version: string): boolean {
    if (compareVersions(versionKind, version, version) === undefined) return false;
    return ranges.some((range) => evaluateRange(versionKind, range, version).affected);
  }
}

function rangeEvents(events: readonly Partial<Record<RangeEvent['type'], string>>[]): RangeEvent[] {
  const found: RangeEvent[] = [];
  for (const event of events) {
    for (const type of ['introduced', 'fixed', 'last_affected'] as const) {
      const version = event[type];
      if (version !== undefined) found.push({ type, version });
    }
  }
  return found;
}

function advisoryOf(
  record: OsvRecord,
  affected: OsvAffected,
  ecosystem: Ecosystem,
  rule: AdvisoryRule,
): Advisory {
  const issuedMs = Date.parse(record.published ?? record.modified ?? '');
  return {
    updater: `osv/${ecosystem.namespace}`,
    namespace: ecosystem.namespace,
    packageName: ecosystem.normalizeName(affected.package?.name ?? ''),
    packageKind: 'binary',
    advisoryId: record.id,
    aliases: [...new Set(record.aliases ?? [])],
    rule,
    fixedVersion: '',
    ...osvSeverity(record, affected),
    description: (record.details ?? record.summary ?? '').trim(),
    links: linksOf(record),
    issuedMs: Number.isNaN(issuedMs) ? null : issuedMs,
  };
}

function linksOf(record: OsvRecord): string {
  const references = record.references ?? [];
  const advisoriesFirst = [
    ...references.filter(({ type }) => type === 'ADVISORY'),
    ...references.filter(({ type }) => type !== 'ADVISORY'),
  ];
  return [...new Set(advisoriesFirst.map(({ url }) => url.trim()))].join(' ');
}
