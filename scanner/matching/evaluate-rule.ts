import type { AdvisoryRule } from '../advisories/advisory';
import { evaluateRange } from '../advisories/affected-range';
import { compareVersions, isVersion } from '../versions/version-order';

export type Verdict =
  | { outcome: 'unaffected' }
  /** The installed or the fixed version is not one of its ecosystem, so nothing can be said. */
  | { outcome: 'incomparable' }
  | { outcome: 'affected'; fixedBy: string; reason: string };

const UNAFFECTED: Verdict = { outcome: 'unaffected' };
const INCOMPARABLE: Verdict = { outcome: 'incomparable' };

/** Whether the rule covers the installed version (scanning spec 3.2 and 3.3). Never throws. */
export function evaluateRule(rule: AdvisoryRule, installed: string): Verdict {
  switch (rule.type) {
    case 'fixed-in': {
      if (rule.fixedVersion === '') return { outcome: 'affected', fixedBy: '', reason: 'no fix' };
      if (rule.fixedVersion === '0') return UNAFFECTED;
      const order = compareVersions(rule.versionKind, installed, rule.fixedVersion);
      if (order === undefined) return INCOMPARABLE;
      return order < 0
        ? { outcome: 'affected', fixedBy: rule.fixedVersion, reason: `< ${rule.fixedVersion}` }
        : UNAFFECTED;
    }
    case 'ranges':
      return evaluateRanges(rule, installed);
    default:
      return rule satisfies never;
  }
}

function evaluateRanges(rule: Extract<AdvisoryRule, { type: 'ranges' }>, installed: string): Verdict {
  const { versionKind, ranges, versions } = rule;
  const isComparable = isVersion(versionKind, installed);
  const hits = isComparable ? ranges.map((range) => evaluateRange(versionKind, range, installed)) : [];
  const fixes: string[] = [];
  let reason: string | undefined;
  for (const hit of hits) {
    if (!hit.affected) continue;
    reason ??= hit.reason;
    if (hit.fixedBy !== '') fixes.push(hit.fixedBy);
  }
  if (reason !== undefined) {
    fixes.sort((a, b) => compareVersions(versionKind, a, b) ?? 0);
    return { outcome: 'affected', fixedBy: fixes[0] ?? '', reason };
  }
  const isListed = versions.some(
    (version) => version === installed || compareVersions(versionKind, version, installed) === 0,
  );
  if (isListed) return { outcome: 'affected', fixedBy: '', reason: 'listed version' };
  return isComparable ? UNAFFECTED : INCOMPARABLE;
}
