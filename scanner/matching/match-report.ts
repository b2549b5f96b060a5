import type { Advisory } from '../advisories/advisory';
import { groupBy } from '../group-by';
import type { IndexReport } from '../reports/index-report';
import { evaluateRule } from './evaluate-rule';
import type { Finding } from './finding';
import { type IndexRecord, MATCHERS, type Matcher } from './matchers';
import { mergeFindings, severityRank } from './merge-findings';

/** Where to look for advisories of a package; a pair is what the database is asked for. */
export interface AdvisoryKey {
  namespace: string;
  packageName: string;
}

export interface MatchResult {
  /** Ordered by package name, version, level (worst first) and advisory. */
  findings: Finding[];
  /** Candidates that were passed over because a version could not be read. */
  incomparableCount: number;
}

/** The keys whose advisories `matchReport` needs, each once: names of packages and of their sources. */
export function lookupKeys(report: IndexReport): AdvisoryKey[] {
  const keys = new Map<string, AdvisoryKey>();
  for (const { record, namespace } of claimedRecords(report)) {
    const { name, source } = record.found;
    for (const packageName of source ? [name, source.name] : [name]) {
      keys.set(keyOf(namespace, packageName), { namespace, packageName });
    }
  }
  return [...keys.values()];
}

/** Matches a report against the advisories fetched for its `lookupKeys`; others among them do no harm. */
export function matchReport(report: IndexReport, advisories: Iterable<Advisory>): MatchResult {
  const candidates = groupBy(advisories, ({ namespace, packageName }) => keyOf(namespace, packageName));
  const byPackage = new Map<string, Finding[]>();
  let incomparableCount = 0;
  for (const { record, namespace, matcher } of claimedRecords(report)) {
    for (const { advisory, installedName, installed } of applicable(record, namespace, candidates)) {
      const verdict = evaluateRule(advisory.rule, installed);
      if (verdict.outcome === 'incomparable') incomparableCount += 1;
      if (verdict.outcome !== 'affected') continue;
      const reason = `${installedName} ${installed}: ${verdict.reason}`;
      const finding = findingOf(record, matcher, advisory, { fixedBy: verdict.fixedBy, reason });
      byPackage.set(record.found.id, [...(byPackage.get(record.found.id) ?? []), finding]);
    }
  }
  const findings = [...byPackage.values()].flatMap((found) => mergeFindings(found));
  return { findings: findings.sort(compareFindings), incomparableCount };
}

function* claimedRecords(
  report: IndexReport,
): Generator<{ record: IndexRecord; namespace: string; matcher: Matcher }> {
  for (const found of Object.values(report.packages)) {
    for (const environment of report.environments[found.id] ?? []) {
      const distribution = report.distributions[environment.distribution_id];
      const repositories = environment.repository_ids.flatMap((id) => report.repository[id] ?? []);
      const record: IndexRecord = { found, environment, distribution, repositories };
      for (const matcher of MATCHERS) {
        const namespace = matcher.namespaceOf(record);
        if (namespace !== undefined) yield { record, namespace, matcher };
      }
    }
  }
}

/** An advisory of a source package is about the source's version, which may differ from the binary's (spec 3.2). */
function* applicable(record: IndexRecord, namespace: string, candidates: Map<string, Advisory[]>) {
  const { name, version, source } = record.found;
  for (const advisory of candidates.get(keyOf(namespace, name)) ?? []) {
    if (advisory.packageKind === 'binary') yield { advisory, installedName: name, installed: version };
  }
  if (!source) return;
  for (const advisory of candidates.get(keyOf(namespace, source.name)) ?? []) {
    if (advisory.packageKind === 'source') {
      yield { advisory, installedName: source.name, installed: source.version };
    }
  }
}

function findingOf(
  { found }: IndexRecord,
  matcher: Matcher,
  advisory: Advisory,
  verdict: { fixedBy: string; reason: string },
): Finding {
  const { updater, namespace, advisoryId, aliases, description, links, issuedMs } = advisory;
  const { severity, severityText, cvssVector, cvssScore } = advisory;
  return {
    ...{ packageId: found.id, packageName: found.name, packageVersion: found.version, matcher: matcher.name },
    ...{ updater, namespace, advisoryId, aliases, severity, severityText, cvssVector, cvssScore },
    ...{ description, links, issuedMs, ...verdict },
  };
}

function compareFindings(a: Finding, b: Finding): number {
  return (
    compareText(a.packageName, b.packageName) ||
    compareText(a.packageVersion, b.packageVersion) ||
    severityRank(a) - severityRank(b) ||
    compareText(a.advisoryId, b.advisoryId) ||
    Number(a.packageId) - Number(b.packageId)
  );
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function keyOf(namespace: string, packageName: string): string {
  return `${namespace}\n${packageName}`;
}
