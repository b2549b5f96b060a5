import { joinPath, normalizeLayerPath } from '../layers/layer-path';

/** Far beyond any real package; a hostile list shall not fill the memory. */
const MAX_FILES = 100_000;

export type PathPredicate = (path: string) => boolean;

/** The root whose packages a dpkg folder describes: `chroot` for `chroot/var/lib/dpkg`, empty for the image's own. */
export function dpkgRoot(dpkgFolder: string): string {
  const match = /^(?:(.*)\/)?var\/lib\/dpkg$/.exec(dpkgFolder);
  return match?.[1] ?? '';
}

/** The claimed paths that some indexer of package files would read, as paths of the layer. */
export function ownedFiles(claimed: Iterable<string>, root: string, isPackageFile: PathPredicate): string[] {
  const files: string[] = [];
  for (const line of claimed) {
    const path = normalizeLayerPath(line);
    if (isPackageFile(path)) files.push(joinPath(root, path));
    if (files.length >= MAX_FILES) break;
  }
  return files;
}
