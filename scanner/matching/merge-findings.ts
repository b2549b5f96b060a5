import { SEVERITIES } from '../../model/severities';
import type { Finding } from './finding';

/**
 * One finding per issue of one package: the same advisory from several ranges is one, and so are records of several
 * databases that name each other, or the same CVE (scanning spec 3.2). The ecosystem's own record gives the name.
 */
export function mergeFindings(findings: readonly Finding[]): Finding[] {
  const byId = new Map<string, Finding>();
  for (const finding of findings) {
    const same = byId.get(finding.advisoryId);
    byId.set(finding.advisoryId, same ? mergeSame(same, finding) : finding);
  }
  const kept: Finding[] = [];
  for (const finding of [...byId.values()].sort(byAuthority)) {
    const at = kept.findIndex((other) => isSameIssue(other, finding));
    const primary = kept[at];
    if (primary) kept[at] = absorb(primary, finding);
    else kept.push(finding);
  }
  return kept;
}

/** Place of a finding by its level, the worst first. */
export function severityRank(finding: Finding): number {
  return SEVERITIES.indexOf(finding.severity);
}

function mergeSame(a: Finding, b: Finding): Finding {
  const [worse, other] = severityRank(b) < severityRank(a) ? [b, a] : [a, b];
  return { ...worse, fixedBy: worse.fixedBy || other.fixedBy, aliases: union(worse.aliases, other.aliases) };
}

/** Databases that gather for all ecosystems come after an ecosystem's own (PYSEC, GO, DSA …). */
function byAuthority(a: Finding, b: Finding): number {
  const rank = ({ advisoryId }: Finding) =>
    advisoryId.startsWith('GHSA-') ? 2 : advisoryId.startsWith('CVE-') ? 1 : 0;
  return rank(a) - rank(b) || (a.advisoryId < b.advisoryId ? -1 : 1);
}

/** Two records of one database that share a CVE stay two: that database tells them apart on purpose. */
function isSameIssue(a: Finding, b: Finding): boolean {
  if (a.aliases.includes(b.advisoryId) || b.aliases.includes(a.advisoryId)) return true;
  return prefix(a) !== prefix(b) && a.aliases.some((alias) => b.aliases.includes(alias));
}

function prefix({ advisoryId }: Finding): string {
  return advisoryId.split('-')[0] ?? '';
}

function absorb(primary: Finding, other: Finding): Finding {
  const aliases = union(primary.aliases, [other.advisoryId, ...other.aliases]);
  const links = union(primary.links.split(' '), other.links.split(' ')).filter(Boolean).join(' ');
  const { severity, severityText, cvssVector, cvssScore } = primary.severity === 'Unknown' ? other : primary;
  return {
    ...primary,
    ...{ severity, severityText, cvssVector, cvssScore, links },
    fixedBy: primary.fixedBy || other.fixedBy,
    aliases: aliases.filter((alias) => alias !== primary.advisoryId),
  };
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])];
}
