/** The shapes of Clair's index report (scanning spec 5.2), field names included; ids are local to one report. */
export interface ReportPackage {
  id: string;
  name: string;
  version: string;
  kind: 'binary' | 'source';
  arch: string;
  module: string;
  cpe: string;
  normalized_version: string;
  source?: { id: string; name: string; version: string; kind: 'source' };
}

export interface ReportDistribution {
  id: string;
  did: string;
  name: string;
  version: string;
  version_code_name: string;
  version_id: string;
  arch: string;
  cpe: string;
  pretty_name: string;
}

export interface ReportRepository {
  id: string;
  name: string;
  key: string;
  uri: string;
  cpe: string;
}

export interface ReportEnvironment {
  package_db: string;
  /** Digest of the layer that brought the package. */
  introduced_in: string;
  distribution_id: string;
  repository_ids: string[];
  /** Beyond Clair: the file that names the package. */
  path: string;
  /** Beyond Clair: a later layer removed the database, the package's files may still be there. */
  package_db_removed?: boolean;
}

export interface IndexReport {
  manifest_hash: string;
  state: 'IndexFinished';
  success: boolean;
  err: string;
  packages: Record<string, ReportPackage>;
  distributions: Record<string, ReportDistribution>;
  repository: Record<string, ReportRepository>;
  environments: Record<string, ReportEnvironment[]>;
  /** Beyond Clair: what could not be read. */
  warnings: string[];
}
