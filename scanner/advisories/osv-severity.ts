import type { Severity } from '../../model/severities';
import { cvssBaseScore, cvssLevel, type CvssVersion } from '../severity/cvss-level';
import { normalizeSeverity } from '../severity/severity-tables';
import type { OsvAffected, OsvRecord } from './osv-schema';

export interface OsvSeverity {
  severity: Severity;
  severityText: string;
  cvssVector: string;
  cvssScore: number | null;
}

/** Which vector counts when a record has several. */
const PREFERENCE: ReadonlyArray<readonly [type: string, version: CvssVersion]> = [
  ['CVSS_V3', 'v3'],
  ['CVSS_V4', 'v4'],
  ['CVSS_V2', 'v2'],
];

/** The severity of one affected package: its own vectors before the record's, then the word, then Unknown (spec 1.3). */
export function osvSeverity(record: OsvRecord, affected: OsvAffected): OsvSeverity {
  const given = affected.severity?.length ? affected.severity : (record.severity ?? []);
  for (const [type, version] of PREFERENCE) {
    for (const { score: vector } of given.filter((severity) => severity.type === type)) {
      const score = cvssBaseScore(version, vector);
      if (score === undefined) continue;
      return {
        severity: cvssLevel(version, score),
        severityText: vector,
        cvssVector: vector,
        cvssScore: score,
      };
    }
  }
  const word = affected.database_specific?.severity ?? record.database_specific?.severity ?? '';
  const severity = normalizeSeverity('osv', word);
  return { severity, severityText: word || (given[0]?.score ?? ''), cvssVector: '', cvssScore: null };
}
