/** Both ends inclusive. */
export interface Span {
  start: number;
  end: number;
}

/**
 * What a `Range` header asks of `sizeBytes` bytes: a span, everything (no header, another unit, several ranges), or
 * nothing that is there, which is 416 (registry spec 4.1).
 */
export function parseRange(header: string | undefined, sizeBytes: number): Span | 'whole' | 'unsatisfiable' {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return 'whole';
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? 'unsatisfiable' : { start: sizeBytes - length, end: sizeBytes - 1 };
  }
  const start = Number(first);
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  return start >= sizeBytes || start > end ? 'unsatisfiable' : { start, end };
}
