import type { Severity } from '../../model/severities';

/** One advisory that applies to one package of a report; plain JSON. */
export interface Finding {
  packageId: string;
  packageName: string;
  packageVersion: string;
  matcher: string;
  updater: string;
  namespace: string;
  advisoryId: string;
  aliases: string[];
  severity: Severity;
  severityText: string;
  cvssVector: string;
  cvssScore: number | null;
  /** Smallest version with the fix above the installed one; empty when there is none. */
  fixedBy: string;
  description: string;
  links: string;
  issuedMs: number | null;
  /** Why it applies: `util-linux 2.38.1-5 < 2.38.1-6`. */
  reason: string;
}
