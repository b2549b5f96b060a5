import { groupBy } from '../group-by';
import type { ScannerIdentity } from '../layers/indexer';
import type { LayerPackage, PackageFile } from '../layers/layer-result';
import { preferDistInfo } from '../python/prefer-dist-info';
import type { IndexReport } from './index-report';
import { type IndexedLayer, LayerStack } from './layer-stack';
import { OwnedPaths } from './owned-paths';
import { ReportBuilder } from './report-builder';

/** Part of the indexer state: bump the version when the same layers give another report. */
export const COALESCER: ScannerIdentity = { name: 'layers', version: '1', kind: 'coalescer' };

/** What an ecosystem has to say about its files once it is known which of them the image shows. */
const SELECTIONS: Readonly<Record<string, (files: PackageFile[]) => PackageFile[]>> = {
  python: preferDistInfo,
};

/** The index report of a manifest from its layers, base first (scanning spec 2.6 and 5.2). */
export function coalesceLayers(manifestDigest: string, layers: readonly IndexedLayer[]): IndexReport {
  const stack = new LayerStack(layers);
  const builder = new ReportBuilder(manifestDigest);
  const removedDatabases = addDatabases(stack, builder);
  addPackageFiles(stack, builder, new OwnedPaths(stack, removedDatabases));
  addWarnings(stack, builder);
  return builder.report;
}

/** Of every database the topmost copy counts. Answers the paths of those that a later layer removed. */
function addDatabases(stack: LayerStack, builder: ReportBuilder): Set<string> {
  const removed = new Set<string>();
  for (const [path, holders] of databaseHolders(stack)) {
    const top = holders.at(-1);
    const database = top === undefined ? undefined : findDatabase(stack, top, path);
    if (top === undefined || !database) continue;
    const isRemoved = stack.isHiddenAbove(top, path);
    if (isRemoved) removed.add(path);
    const distribution = stack.distributionFor(top, database.root);
    const introduced = introductions(stack, path, holders);
    for (const found of [...database.packages].sort(byNameAndArch)) {
      const introducedIn = introduced.get(packageKey(found)) ?? '';
      const facts = { package_db: path, introduced_in: introducedIn, path };
      builder.addPackage(found, isRemoved ? { ...facts, package_db_removed: true } : facts, { distribution });
    }
  }
  return removed;
}

/** Indexes of the layers that hold each database, base first, by database path. */
function databaseHolders(stack: LayerStack): [string, number[]][] {
  const holders = new Map<string, number[]>();
  stack.layers.forEach(({ result }, index) => {
    for (const { path } of result.databases) holders.set(path, [...(holders.get(path) ?? []), index]);
  });
  return [...holders].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The lowest layer that has the same package in the same database. */
function introductions(stack: LayerStack, path: string, holders: readonly number[]): Map<string, string> {
  const introduced = new Map<string, string>();
  for (const index of holders) {
    for (const found of findDatabase(stack, index, path)?.packages ?? []) {
      const key = packageKey(found);
      if (!introduced.has(key)) introduced.set(key, stack.layers[index]?.digest ?? '');
    }
  }
  return introduced;
}

function findDatabase(stack: LayerStack, index: number, path: string) {
  return stack.layers[index]?.result.databases.find((database) => database.path === path);
}

function packageKey({ name, version, arch }: LayerPackage): string {
  return `${name}\n${version}\n${arch}`;
}

function byNameAndArch(a: LayerPackage, b: LayerPackage): number {
  return a.name === b.name ? (a.arch < b.arch ? -1 : 1) : a.name < b.name ? -1 : 1;
}

/** The union over the layers of the files that are still seen and belong to no package of the system. */
function addPackageFiles(stack: LayerStack, builder: ReportBuilder, owned: OwnedPaths): void {
  const digests = new Map<PackageFile, string>();
  stack.layers.forEach(({ digest, result }, index) => {
    for (const file of result.packageFiles) {
      if (!owned.has(file.path) && !stack.isHiddenAbove(index, file.path)) digests.set(file, digest);
    }
  });
  const byIndexer = groupBy(digests.keys(), (file) => file.indexer);
  for (const [indexer, files] of byIndexer) {
    const selected = SELECTIONS[indexer]?.(files) ?? files;
    for (const file of selected.sort((a, b) => (a.path < b.path ? -1 : 1))) {
      const facts = { package_db: file.packageDb, introduced_in: digests.get(file) ?? '', path: file.path };
      for (const found of file.packages) builder.addPackage(found, facts, { repository: file.repository });
    }
  }
}

function addWarnings(stack: LayerStack, builder: ReportBuilder): void {
  const { warnings } = builder.report;
  const distributions = new Set<string>();
  for (const { digest, result } of stack.layers) {
    warnings.push(...result.warnings.map((warning) => `${digest}: ${warning}`));
    for (const { root, did, versionId } of result.distributions) {
      if (root === '') distributions.add(`${did}:${versionId}`);
    }
  }
  if (distributions.size > 1) {
    warnings.push(`layers of several distributions: ${[...distributions].join(', ')}`);
  }
}
