import { ancestorPaths } from './layer-path';
import type { LayerResult } from './layer-result';
import { PackedPathSet, pathDigest } from './path-set';

/** What a layer hides of the layers below it: removed, made opaque, or another thing in the same place (spec 2.6). */
export class LayerOverlay {
  private readonly whiteouts: ReadonlySet<string>;
  private readonly opaque: ReadonlySet<string>;
  private readonly directories: ReadonlySet<string>;
  private readonly occupied: PackedPathSet;

  constructor(result: LayerResult) {
    this.whiteouts = new Set(result.whiteouts);
    this.opaque = new Set(result.opaque);
    this.directories = new Set(result.directories);
    this.occupied = new PackedPathSet(result.occupied);
  }

  /** Whether the file at this normalised path in any lower layer is no longer seen. */
  hides(path: string): boolean {
    if (this.opaque.has('') || this.directories.has(path) || this.removesOrReplaces(path)) return true;
    return ancestorPaths(path).some((folder) => this.opaque.has(folder) || this.removesOrReplaces(folder));
  }

  private removesOrReplaces(path: string): boolean {
    return this.whiteouts.has(path) || this.occupied.has(pathDigest(path));
  }
}
