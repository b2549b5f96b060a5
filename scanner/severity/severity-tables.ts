import type { Severity } from '../../model/severities';

const RED_HAT: Readonly<Record<string, Severity>> = {
  none: 'Unknown',
  low: 'Low',
  moderate: 'Medium',
  important: 'High',
  critical: 'Critical',
};

/** The words of each source, lower case, and their level (scanning spec 1.2); a word that is not here is Unknown. */
const SEVERITY_TABLES = {
  alpine: {},
  aws: { low: 'Low', medium: 'Medium', important: 'High', critical: 'Critical' },
  debian: { unimportant: 'Low', low: 'Medium', medium: 'High', high: 'Critical' },
  oracle: { 'n/a': 'Unknown', low: 'Low', moderate: 'Medium', important: 'High', critical: 'Critical' },
  photon: { low: 'Low', moderate: 'Medium', important: 'High', critical: 'Critical' },
  rhel: RED_HAT,
  suse: RED_HAT,
  ubuntu: {
    untriaged: 'Unknown',
    negligible: 'Negligible',
    low: 'Low',
    medium: 'Medium',
    high: 'High',
    critical: 'Critical',
  },
  /** The text in `database_specific.severity`, used where a record has no CVSS. */
  osv: {
    unknown: 'Unknown',
    negligible: 'Negligible',
    low: 'Low',
    moderate: 'Medium',
    medium: 'Medium',
    high: 'High',
    critical: 'Critical',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Severity>>>>;

export type SeveritySource = keyof typeof SEVERITY_TABLES;

/** The level of a source's own word, blanks around it and case aside. */
export function normalizeSeverity(source: SeveritySource, word: string): Severity {
  const table: Readonly<Record<string, Severity>> = SEVERITY_TABLES[source];
  const key = word.trim().toLowerCase();
  return Object.hasOwn(table, key) ? (table[key] ?? 'Unknown') : 'Unknown';
}
