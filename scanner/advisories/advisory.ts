import type { Severity } from '../../model/severities';
import type { VersionKind } from '../versions/version-order';

export interface RangeEvent {
  type: 'introduced' | 'fixed' | 'last_affected';
  /** `0` of an `introduced` is below every version. */
  version: string;
}

/** Events in the order of their versions; the version must also be below one of the limits, if there are any. */
export interface AffectedRange {
  events: RangeEvent[];
  limits: string[];
}

/** Which installed versions an advisory is about. */
export type AdvisoryRule =
  /** Affected below `fixedVersion`; an empty one means that there is no fix. */
  | { type: 'fixed-in'; versionKind: VersionKind; fixedVersion: string }
  /** OSV's semantics; `versions` lists those that no range covers. */
  | { type: 'ranges'; versionKind: VersionKind; ranges: AffectedRange[]; versions: string[] };

/** One advisory for one package of one ecosystem or release; plain JSON, made to be stored as a row. */
export interface Advisory {
  /** The source in the words of reports: `debian/updater`, `osv/pypi`. */
  updater: string;
  /** `debian:12`, `pypi` (scanning spec 3.6). */
  namespace: string;
  /** In the ecosystem's normal form. */
  packageName: string;
  packageKind: 'source' | 'binary';
  advisoryId: string;
  aliases: string[];
  rule: AdvisoryRule;
  /** The fix where it is the same for every installed version; empty otherwise. */
  fixedVersion: string;
  severity: Severity;
  /** As the source says it: a word or a CVSS vector. */
  severityText: string;
  cvssVector: string;
  cvssScore: number | null;
  description: string;
  /** Blank-separated addresses. */
  links: string;
  issuedMs: number | null;
}
