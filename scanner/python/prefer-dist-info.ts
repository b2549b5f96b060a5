import type { PackageFile } from '../layers/layer-result';

/** Of one project described twice in one folder, the `.dist-info` counts (scanning spec 2.5). */
export function preferDistInfo(files: PackageFile[]): PackageFile[] {
  const described = new Set<string>();
  for (const file of files) {
    if (file.path.endsWith('.dist-info/METADATA')) described.add(key(file));
  }
  return files.filter((file) => !isEggInfo(file.path) || !described.has(key(file)));
}

function key(file: PackageFile): string {
  return `${file.packageDb}\n${file.packages[0]?.name ?? ''}`;
}

function isEggInfo(path: string): boolean {
  return path.endsWith('.egg-info') || path.endsWith('.egg-info/PKG-INFO');
}
