import type { EventKind } from './events';
import { matchesWhole } from './patterns';
import type { Severity } from './severities';
import { SEVERITIES } from './severities';

/** What a filter may look at; the parts that an event does not have are absent. */
export interface EventFacts {
  /** Full ref, for builds that have one. */
  ref?: string;
  severity?: Severity;
}

/** Whether a rule wants an event (notifications spec 2.2, 2.3; whole-string RE2 as the design decides). */
export function ruleWants(
  event: EventKind,
  eventConfig: Record<string, unknown>,
  facts: EventFacts,
): boolean {
  if (event === 'vulnerability_found') return wantsSeverity(eventConfig.level, facts.severity);
  if (event.startsWith('build_')) return wantsRef(eventConfig['ref-regex'], facts.ref);
  return true;
}

/** The index of the least severe level that a rule wants; undefined when its config has none or something else. */
export function configuredLevel(level: unknown): number | undefined {
  const index = typeof level === 'string' && /^\d$/.test(level) ? Number(level) : level;
  return typeof index === 'number' && Number.isInteger(index) && SEVERITIES[index] !== undefined
    ? index
    : undefined;
}

function wantsSeverity(level: unknown, severity: Severity | undefined): boolean {
  if (level === undefined || level === null || level === '') return true;
  const threshold = configuredLevel(level);
  if (threshold === undefined || severity === undefined) return false;
  return SEVERITIES.indexOf(severity) <= threshold;
}

function wantsRef(pattern: unknown, ref: string | undefined): boolean {
  if (typeof pattern !== 'string' || pattern === '') return true;
  return ref !== undefined && matchesWhole(pattern, ref) === true;
}
