import { compareDigits } from './digit-strings';

/** A parsed Python version; numbers stay digit strings, because they may have any size. */
export interface Pep440Version {
  epoch: string;
  release: string[];
  pre?: { label: 'a' | 'b' | 'rc'; number: string };
  post?: string;
  dev?: string;
  local?: string[];
}

const MAX_LENGTH = 512;
const GRAMMAR = new RegExp(
  '^v?(?:(?<epoch>\\d+)!)?(?<release>\\d+(?:\\.\\d+)*)' +
    '(?:[-_.]?(?<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?<preNumber>\\d+)?)?' +
    '(?<post>-(?<postBare>\\d+)|[-_.]?(?:post|rev|r)[-_.]?(?<postNumber>\\d+)?)?' +
    '(?<dev>[-_.]?dev[-_.]?(?<devNumber>\\d+)?)?' +
    '(?:\\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$',
);
const PRE_LABELS: Readonly<Record<string, 'a' | 'b' | 'rc'>> = {
  alpha: 'a',
  a: 'a',
  beta: 'b',
  b: 'b',
  preview: 'rc',
  pre: 'rc',
  c: 'rc',
  rc: 'rc',
};

/** Reads any spelling that PEP 440 tolerates; undefined for everything else. */
export function parsePep440(version: string): Pep440Version | undefined {
  if (version.length > MAX_LENGTH) return undefined;
  const groups = GRAMMAR.exec(version.trim().toLowerCase())?.groups;
  if (!groups?.release) return undefined;
  const label = PRE_LABELS[groups.pre ?? ''];
  return {
    epoch: groups.epoch ?? '0',
    release: trimZeros(groups.release.split('.')),
    pre: label && { label, number: groups.preNumber ?? '0' },
    post: groups.post === undefined ? undefined : (groups.postBare ?? groups.postNumber ?? '0'),
    dev: groups.dev === undefined ? undefined : (groups.devNumber ?? '0'),
    local: groups.local?.split(/[-_.]/),
  };
}

/** The order of PEP 440: -1, 0 or 1 (scanning spec 3.5). */
export function comparePep440(left: Pep440Version, right: Pep440Version): number {
  return (
    compareDigits(left.epoch, right.epoch) ||
    compareRelease(left.release, right.release) ||
    comparePre(left, right) ||
    compareOptional(left.post, right.post, -1) ||
    compareOptional(left.dev, right.dev, 1) ||
    compareLocal(left.local, right.local)
  );
}

/** Clair's ten-number form, shown in index reports only; empty for what is no PEP 440 version. */
export function normalizedPep440(version: string): string {
  const parsed = parsePep440(version);
  if (!parsed) return '';
  const release = [0, 1, 2, 3, 4].map((index) => parsed.release[index] ?? '0');
  const pre = parsed.pre
    ? { a: '-3', b: '-2', rc: '-1' }[parsed.pre.label]
    : parsed.dev === undefined
      ? '0'
      : '-4';
  const numbers = [
    parsed.epoch,
    ...release,
    pre,
    parsed.pre?.number ?? '0',
    parsed.post ?? '0',
    parsed.dev ?? '0',
  ];
  return `pep440:${numbers.map((number) => number.replace(/^0+(?=\d)/, '')).join('.')}`;
}

function trimZeros(release: string[]): string[] {
  let end = release.length;
  while (end > 1 && /^0+$/.test(release[end - 1] ?? '')) end -= 1;
  return release.slice(0, end);
}

function compareRelease(left: string[], right: string[]): number {
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = compareDigits(left[index] ?? '0', right[index] ?? '0');
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A development release alone is before every pre-release; without both, a version is after them. */
function comparePre(left: Pep440Version, right: Pep440Version): number {
  const a = preRank(left);
  const b = preRank(right);
  if (a !== b) return a < b ? -1 : 1;
  return compareDigits(left.pre?.number ?? '0', right.pre?.number ?? '0');
}

function preRank({ pre, post, dev }: Pep440Version): number {
  if (pre) return { a: 1, b: 2, rc: 3 }[pre.label];
  return dev !== undefined && post === undefined ? 0 : 4;
}

/** `missing` is the sign of a side that lacks the segment against one that has it. */
function compareOptional(left: string | undefined, right: string | undefined, missing: -1 | 1): number {
  if (left === undefined || right === undefined) {
    if (left === right) return 0;
    return left === undefined ? missing : -missing;
  }
  return compareDigits(left, right);
}

function compareLocal(left: string[] | undefined, right: string[] | undefined): number {
  if (!left || !right) return left === right ? 0 : left ? 1 : -1;
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = compareLocalPart(left[index], right[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareLocalPart(left: string | undefined, right: string | undefined): number {
  if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? -1 : 1;
  const isLeftNumber = /^\d+$/.test(left);
  const isRightNumber = /^\d+$/.test(right);
  if (isLeftNumber !== isRightNumber) return isLeftNumber ? 1 : -1;
  if (isLeftNumber) return compareDigits(left, right);
  return left === right ? 0 : left < right ? -1 : 1;
}
