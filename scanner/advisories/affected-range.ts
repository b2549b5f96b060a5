import { compareVersions, type VersionKind } from '../versions/version-order';
import type { AffectedRange, RangeEvent } from './advisory';

/** Sorts events by version, an end before a beginning at the same one; undefined when a version is not of the kind. */
export function sortEvents(kind: VersionKind, events: readonly RangeEvent[]): RangeEvent[] | undefined {
  if (
    events.some(
      (event) => !isStart(event) && compareVersions(kind, event.version, event.version) === undefined,
    )
  ) {
    return undefined;
  }
  return [...events].sort((a, b) => {
    if (isStart(a) || isStart(b)) return Number(isStart(b)) - Number(isStart(a));
    const byVersion = compareVersions(kind, a.version, b.version) ?? 0;
    return byVersion || Number(a.type === 'introduced') - Number(b.type === 'introduced');
  });
}

export type RangeVerdict = { affected: false } | { affected: true; fixedBy: string; reason: string };

/** Whether a range covers the version, and the fix that ends the stretch it lies in (scanning spec 3.3). */
export function evaluateRange(kind: VersionKind, range: AffectedRange, version: string): RangeVerdict {
  const against = (other: string) => compareVersions(kind, version, other) ?? -1;
  let start: RangeEvent | undefined;
  for (const event of range.events) {
    if (event.type === 'introduced' && (isStart(event) || against(event.version) >= 0)) start = event;
    if (event.type === 'fixed' && against(event.version) >= 0) start = undefined;
    if (event.type === 'last_affected' && against(event.version) > 0) start = undefined;
  }
  if (!start || !isWithinLimits(range, against)) return { affected: false };
  const end = range.events.find((event) => event.type !== 'introduced' && endsAfter(event, against));
  const fixedBy = end?.type === 'fixed' ? end.version : '';
  return { affected: true, fixedBy, reason: describe(start, end) };
}

function isStart(event: RangeEvent): boolean {
  return event.type === 'introduced' && event.version === '0';
}

function isWithinLimits({ limits }: AffectedRange, against: (other: string) => number): boolean {
  return limits.length === 0 || limits.some((limit) => limit === '*' || against(limit) < 0);
}

function endsAfter(event: RangeEvent, against: (other: string) => number): boolean {
  return event.type === 'fixed' ? against(event.version) < 0 : against(event.version) <= 0;
}

function describe(start: RangeEvent, end: RangeEvent | undefined): string {
  const from = isStart(start) ? '' : `>= ${start.version}`;
  const to = end && `${end.type === 'fixed' ? '<' : '<='} ${end.version}`;
  return [from, to].filter(Boolean).join(', ') || 'every version';
}
