import { z } from 'zod';

import { DEBIAN_RELEASES } from '../distributions/debian-releases';
import { normalizeSeverity } from '../severity/severity-tables';
import type { Advisory } from './advisory';

const releaseSchema = z.object({
  status: z.string().optional(),
  fixed_version: z.string().optional(),
  urgency: z.string().optional(),
});
const issueSchema = z.object({
  description: z.string().optional(),
  releases: z.record(z.string(), releaseSchema),
});

export interface DebianTrackerOptions {
  warn: (message: string) => void;
  /** Codename to version; releases that are not named here are left out. */
  releases?: Readonly<Record<string, string>>;
}

/**
 * Reads Debian's security tracker, already parsed from JSON: one advisory per source package, issue and release (scanning
 * spec 3.4). A generator, because the tracker holds hundreds of thousands. Throws when it is no tracker at all.
 */
export function* debianAdvisories(tracker: unknown, options: DebianTrackerOptions): Generator<Advisory> {
  const { warn, releases = DEBIAN_RELEASES } = options;
  if (!isRecord(tracker)) throw new TypeError('debian tracker is not an object of source packages');
  for (const [packageName, issues] of Object.entries(tracker)) {
    if (!isRecord(issues)) {
      warn(`debian tracker: ${packageName} is not an object of issues`);
      continue;
    }
    for (const [id, issue] of Object.entries(issues)) {
      const parsed = issueSchema.safeParse(issue);
      if (!parsed.success) {
        warn(`debian tracker: ${packageName} ${id}: ${parsed.error.issues[0]?.message ?? 'not readable'}`);
        continue;
      }
      for (const [codename, release] of Object.entries(parsed.data.releases)) {
        const version = Object.hasOwn(releases, codename) ? releases[codename] : undefined;
        if (version === undefined || !isAffected(release)) continue;
        yield advisoryOf({ packageName, id, version, release, description: parsed.data.description ?? '' });
      }
    }
  }
}

/** Fixed in `0` means never affected; nothing is known of what is undetermined without a fix. */
function isAffected({ status, fixed_version: fixed }: z.infer<typeof releaseSchema>): boolean {
  return fixed ? fixed.trim() !== '0' : status !== 'undetermined';
}

interface TrackerEntry {
  packageName: string;
  id: string;
  version: string;
  release: z.infer<typeof releaseSchema>;
  description: string;
}

function advisoryOf({ packageName, id, version, release, description }: TrackerEntry): Advisory {
  const fixedVersion = release.fixed_version?.trim() ?? '';
  const severityText = release.urgency ?? '';
  return {
    updater: 'debian/updater',
    namespace: `debian:${version}`,
    packageName,
    packageKind: 'source',
    advisoryId: id,
    aliases: [],
    rule: { type: 'fixed-in', versionKind: 'deb', fixedVersion },
    fixedVersion,
    severity: normalizeSeverity('debian', severityText),
    severityText,
    cvssVector: '',
    cvssScore: null,
    description,
    links: `https://security-tracker.debian.org/tracker/${id}`,
    issuedMs: null,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
