import type { LayerStack } from './layer-stack';

/**
 * The package files of an image that the operating system's packages own: those are reported as the system's package
 * only, because its vendor fixes them without a new upstream version (scanning spec 2.3, 2.5).
 */
export class OwnedPaths {
  private readonly owned = new Set<string>();

  /** `removedDatabases` are gone from the image, but the files that they listed are not. */
  constructor(stack: LayerStack, removedDatabases: ReadonlySet<string>) {
    stack.layers.forEach(({ result }, index) => {
      for (const list of result.ownership) {
        if (!removedDatabases.has(list.database) && stack.isHiddenAbove(index, list.path)) continue;
        for (const file of list.files) this.owned.add(mergedUsr(file));
      }
    });
  }

  has(path: string): boolean {
    return this.owned.has(mergedUsr(path));
  }
}

/** dpkg may list `/lib/…` for what lies in `/usr/lib/…` since the two were merged. */
function mergedUsr(path: string): string {
  return path.replace(/^(bin|sbin|lib)(?=\/)/, 'usr/$1');
}
