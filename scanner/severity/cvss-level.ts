import type { Severity } from '../../model/severities';
import { cvss2BaseScore } from './cvss2';
import { cvss3BaseScore } from './cvss3';
import { cvss4BaseScore } from './cvss4';

export type CvssVersion = 'v2' | 'v3' | 'v4';

/** The level of a base score (scanning spec 1.2); v4 goes by the ladder of v3, v2 knows no Critical and no Negligible. */
export function cvssLevel(version: CvssVersion, score: number): Severity {
  if (!(score >= 0 && score <= 10)) return 'Unknown';
  if (version === 'v2') return score < 4 ? 'Low' : score < 7 ? 'Medium' : 'High';
  if (score === 0) return 'Negligible';
  return score < 4 ? 'Low' : score < 7 ? 'Medium' : score < 9 ? 'High' : 'Critical';
}

/** The base score of a vector, or the number itself where a source has only that; undefined when it is neither. */
export function cvssBaseScore(version: CvssVersion, vectorOrNumber: string): number | undefined {
  const text = vectorOrNumber.trim();
  if (/^\d{1,2}(\.\d+)?$/.test(text)) return Number(text) <= 10 ? Number(text) : undefined;
  switch (version) {
    case 'v2':
      return cvss2BaseScore(text);
    case 'v3':
      return cvss3BaseScore(text);
    case 'v4':
      return cvss4BaseScore(text);
    default:
      return version satisfies never;
  }
}
