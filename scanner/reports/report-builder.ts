import type { LayerDistribution, LayerPackage } from '../layers/layer-result';
import type { IndexReport, ReportEnvironment } from './index-report';

type EnvironmentFacts = Pick<
  ReportEnvironment,
  'package_db' | 'introduced_in' | 'path' | 'package_db_removed'
>;

/** Fills an index report and gives out its ids, the same ones for the same input. */
export class ReportBuilder {
  private nextId = 1;
  private readonly sourceIds = new Map<string, string>();
  private readonly distributionIds = new Map<string, string>();
  private readonly repositoryIds = new Map<string, string>();
  readonly report: IndexReport;

  constructor(manifestDigest: string) {
    this.report = {
      manifest_hash: manifestDigest,
      state: 'IndexFinished',
      success: true,
      err: '',
      packages: {},
      distributions: {},
      repository: {},
      environments: {},
      warnings: [],
    };
  }

  /** A package at a place is a package of its own, so that two equal ones in two folders are both shown. */
  addPackage(
    found: LayerPackage,
    facts: EnvironmentFacts,
    { distribution, repository }: { distribution?: LayerDistribution; repository?: string },
  ): void {
    const id = this.newId();
    const { name, version, kind, arch, normalizedVersion: normalized_version, source } = found;
    this.report.packages[id] = { id, name, version, kind, arch, module: '', cpe: '', normalized_version };
    if (source) {
      const sourceId = this.idOf(this.sourceIds, `${source.name}\n${source.version}`);
      this.report.packages[id].source = { id: sourceId, ...source, kind: 'source' };
    }
    this.report.environments[id] = [
      {
        ...facts,
        distribution_id: distribution ? this.distributionId(distribution) : '',
        repository_ids: repository ? [this.repositoryId(repository)] : [],
      },
    ];
  }

  private distributionId(distribution: LayerDistribution): string {
    const id = this.idOf(this.distributionIds, JSON.stringify(distribution));
    const { did, name, version, versionCodeName, versionId, prettyName } = distribution;
    this.report.distributions[id] = {
      ...{ id, did, name, version, version_code_name: versionCodeName, version_id: versionId },
      ...{ arch: '', cpe: '', pretty_name: prettyName },
    };
    return id;
  }

  private repositoryId(name: string): string {
    const id = this.idOf(this.repositoryIds, name);
    this.report.repository[id] = { id, name, key: '', uri: '', cpe: '' };
    return id;
  }

  private idOf(ids: Map<string, string>, key: string): string {
    let id = ids.get(key);
    if (id === undefined) ids.set(key, (id = this.newId()));
    return id;
  }

  private newId(): string {
    return String(this.nextId++);
  }
}
