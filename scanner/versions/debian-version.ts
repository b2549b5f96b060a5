import { compareDigits } from './digit-strings';

const GRAMMAR = /^\s*(?:\d+:)?[0-9A-Za-z.+:~-]+\s*$/;

/** Whether the text is a version as deb-version(7) allows it, a leading letter in the upstream part included. */
export function isDebianVersion(version: string): boolean {
  return GRAMMAR.test(version);
}

/** The order of deb-version(7), total over all strings: -1, 0 or 1 (scanning spec 3.5). */
export function compareDebianVersions(left: string, right: string): number {
  const a = split(left.trim());
  const b = split(right.trim());
  return (
    compareDigits(a.epoch, b.epoch) ||
    comparePart(a.upstream, b.upstream) ||
    comparePart(a.revision, b.revision)
  );
}

function split(version: string): { epoch: string; upstream: string; revision: string } {
  const epoch = /^(\d+):/.exec(version)?.[1];
  const rest = epoch === undefined ? version : version.slice(epoch.length + 1);
  const dash = rest.lastIndexOf('-');
  if (dash === -1) return { epoch: epoch ?? '0', upstream: rest, revision: '0' };
  return { epoch: epoch ?? '0', upstream: rest.slice(0, dash), revision: rest.slice(dash + 1) };
}

/** Alternates between a run of other characters and a run of digits until both sides are used up. */
function comparePart(left: string, right: string): number {
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    while ((i < left.length && !isDigit(left, i)) || (j < right.length && !isDigit(right, j))) {
      const difference = weight(left, i) - weight(right, j);
      if (difference !== 0) return Math.sign(difference);
      i += 1;
      j += 1;
    }
    const leftDigits = digitsAt(left, i);
    const rightDigits = digitsAt(right, j);
    const difference = compareDigits(leftDigits, rightDigits);
    if (difference !== 0) return difference;
    i += leftDigits.length;
    j += rightDigits.length;
  }
  return 0;
}

/** `~` before the end of the run, the end before letters, letters before all else. */
function weight(text: string, index: number): number {
  if (index >= text.length || isDigit(text, index)) return 0;
  const code = text.charCodeAt(index);
  if (text[index] === '~') return -1;
  return /[A-Za-z]/.test(text.charAt(index)) ? code : code + 0x10000;
}

function isDigit(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code >= 0x30 && code <= 0x39;
}

function digitsAt(text: string, index: number): string {
  let end = index;
  while (end < text.length && isDigit(text, end)) end += 1;
  return text.slice(index, end);
}
