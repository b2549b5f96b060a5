import type { EntityManager } from 'typeorm';

import { findAdvisoryDocuments } from '../../db/stores/scanning';
import type { VulnerabilityFacts } from '../../model/event-payloads';
import { SEVERITIES } from '../../model/severities';
import type { Advisory } from '../../scanner/advisories/advisory';
import type { Finding } from '../../scanner/matching/finding';
import { lookupKeys, matchReport } from '../../scanner/matching/match-report';
import type { IndexReport } from '../../scanner/reports/index-report';

/** What today's advisories say about a report: each advisory once however many packages it is about, worst level first. */
export async function matchVulnerabilities(
  manager: EntityManager,
  report: IndexReport,
): Promise<VulnerabilityFacts[]> {
  // Rows were written from the scanner's own type.
  const advisories = (await findAdvisoryDocuments(manager, lookupKeys(report))) as Advisory[];
  return mostSevereFirst(matchReport(report, advisories).findings);
}

function mostSevereFirst(findings: readonly Finding[]): VulnerabilityFacts[] {
  const byId = new Map<string, VulnerabilityFacts>();
  for (const finding of [...findings].sort((a, b) => rank(a) - rank(b))) {
    const known = byId.get(finding.advisoryId);
    if (!known) byId.set(finding.advisoryId, factsOf(finding));
    else if (finding.fixedBy !== '') known.has_fix = true;
  }
  return [...byId.values()];
}

function factsOf({ advisoryId, description, links, severity, fixedBy }: Finding): VulnerabilityFacts {
  const link = links.split(' ')[0] ?? '';
  return { id: advisoryId, description, link, priority: severity, has_fix: fixedBy !== '' };
}

function rank({ severity }: Finding): number {
  return SEVERITIES.indexOf(severity);
}
