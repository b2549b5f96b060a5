import type { Severity } from '../../model/severities';
import { groupBy } from '../group-by';
import type { Finding } from '../matching/finding';
import type { IndexReport, ReportEnvironment, ReportPackage } from './index-report';

/** Quay's shape of one finding (scanning spec 5.3). */
interface SecurityVulnerability {
  Severity: Severity;
  NamespaceName: string;
  Link: string;
  FixedBy: string;
  Description: string;
  Name: string;
  Metadata: {
    UpdatedBy: string;
    RepoName: string | null;
    RepoLink: string | null;
    DistroName: string | null;
    DistroVersion: string | null;
    NVD: { CVSSv3: { Vectors: string; Score: number | '' } };
  };
}

interface SecurityFeature {
  Name: string;
  VersionFormat: string;
  NamespaceName: string;
  AddedBy: string;
  Version: string;
  BaseScores: number[];
  CVEIds: string[];
  Vulnerabilities: SecurityVulnerability[];
}

/** Body of `GET …/manifest/<digest>/security` for a scanned manifest. */
export interface SecurityReport {
  status: 'scanned';
  data: {
    Layer: {
      Name: string;
      ParentName: string;
      NamespaceName: string;
      IndexedByVersion: 4;
      Features: SecurityFeature[];
    };
  };
}

export interface PresentOptions {
  /** False gives the features alone. */
  vulnerabilities: boolean;
}

/** Quay's security report of a manifest; the same advisory is shown once per feature, never across features. */
export function presentSecurity(
  report: IndexReport,
  findings: readonly Finding[],
  { vulnerabilities }: PresentOptions,
): SecurityReport {
  const byPackage = groupBy(vulnerabilities ? findings : [], (finding) => finding.packageId);
  const features = Object.values(report.packages)
    .sort((a, b) => comparePackages(report, a, b))
    .map((found) => presentFeature(report, found, byPackage.get(found.id) ?? []));
  const layer = {
    Name: report.manifest_hash,
    ParentName: '',
    NamespaceName: '',
    IndexedByVersion: 4 as const,
  };
  return { status: 'scanned', data: { Layer: { ...layer, Features: features } } };
}

function comparePackages(report: IndexReport, a: ReportPackage, b: ReportPackage): number {
  const key = ({ id, name, version }: ReportPackage) => [
    name,
    version,
    environmentOf(report, id)?.path ?? '',
    id,
  ];
  const left = key(a);
  const right = key(b);
  const at = left.findIndex((part, index) => part !== right[index]);
  return at === -1 ? 0 : (left[at] ?? '') < (right[at] ?? '') ? -1 : 1;
}

function presentFeature(
  report: IndexReport,
  found: ReportPackage,
  findings: readonly Finding[],
): SecurityFeature {
  const environment = environmentOf(report, found.id);
  const unique = [...new Map(findings.map((finding) => [finding.advisoryId, finding])).values()];
  return {
    Name: found.name,
    VersionFormat: '',
    NamespaceName: '',
    AddedBy: environment?.introduced_in ?? '',
    Version: found.version,
    BaseScores: unique.flatMap(({ cvssScore }) => cvssScore ?? []),
    CVEIds: [...new Set(unique.flatMap(cveIds))].sort(),
    Vulnerabilities: unique.map((finding) => presentVulnerability(report, environment, finding)),
  };
}

function presentVulnerability(
  report: IndexReport,
  environment: ReportEnvironment | undefined,
  finding: Finding,
): SecurityVulnerability {
  const distribution = report.distributions[environment?.distribution_id ?? ''];
  const repository = report.repository[environment?.repository_ids[0] ?? ''];
  const isV3 = finding.cvssVector.startsWith('CVSS:3');
  return {
    Severity: finding.severity,
    NamespaceName: finding.updater,
    Link: finding.links,
    FixedBy: finding.fixedBy,
    Description: finding.description,
    Name: finding.advisoryId,
    Metadata: {
      UpdatedBy: finding.updater,
      RepoName: repository?.name ?? null,
      RepoLink: repository?.uri || null,
      DistroName: distribution?.name ?? null,
      DistroVersion: distribution?.version ?? null,
      NVD: {
        CVSSv3: { Vectors: isV3 ? finding.cvssVector : '', Score: isV3 ? (finding.cvssScore ?? '') : '' },
      },
    },
  };
}

function environmentOf(report: IndexReport, packageId: string): ReportEnvironment | undefined {
  return report.environments[packageId]?.[0];
}

function cveIds({ advisoryId, aliases, links }: Finding): string[] {
  return [advisoryId, ...aliases, links].join(' ').match(/CVE-\d{4}-\d{4,7}/g) ?? [];
}
