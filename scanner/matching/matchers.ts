import type {
  ReportDistribution,
  ReportEnvironment,
  ReportPackage,
  ReportRepository,
} from '../reports/index-report';

/** A package at one of its places, with what its environment refers to. */
export interface IndexRecord {
  found: ReportPackage;
  environment: ReportEnvironment;
  distribution?: ReportDistribution;
  repositories: ReportRepository[];
}

/** One ecosystem's claim on records: where their advisories are kept, or undefined for a record of another ecosystem. */
export interface Matcher {
  readonly name: string;
  namespaceOf(record: IndexRecord): string | undefined;
}

const debianMatcher: Matcher = {
  name: 'debian-matcher',
  namespaceOf: ({ distribution }) =>
    distribution?.did === 'debian' ? `debian:${distribution.version_id}` : undefined,
};

const pythonMatcher: Matcher = {
  name: 'python',
  namespaceOf: ({ repositories }) => (repositories.some(({ name }) => name === 'pypi') ? 'pypi' : undefined),
};

export const MATCHERS: readonly Matcher[] = [debianMatcher, pythonMatcher];
