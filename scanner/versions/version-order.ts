import { compareDebianVersions, isDebianVersion } from './debian-version';
import { comparePep440, parsePep440 } from './pep440';

export type VersionKind = 'deb' | 'pep440';

/** Order of two versions of one kind: -1, 0 or 1; undefined when either is no such version. Never throws. */
export function compareVersions(kind: VersionKind, left: string, right: string): number | undefined {
  switch (kind) {
    case 'deb':
      return isDebianVersion(left) && isDebianVersion(right) ? compareDebianVersions(left, right) : undefined;
    case 'pep440': {
      const a = parsePep440(left);
      const b = parsePep440(right);
      return a && b ? comparePep440(a, b) : undefined;
    }
    default:
      return kind satisfies never;
  }
}

export function isVersion(kind: VersionKind, version: string): boolean {
  return compareVersions(kind, version, version) !== undefined;
}
