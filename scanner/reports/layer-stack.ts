import { LayerOverlay } from '../layers/layer-overlay';
import type { LayerDistribution, LayerResult } from '../layers/layer-result';

/** One layer of a manifest with what was found in it. */
export interface IndexedLayer {
  digest: string;
  result: LayerResult;
}

/** The layers of one manifest, base first, and what they do to each other. */
export class LayerStack {
  private readonly overlays: LayerOverlay[];

  constructor(readonly layers: readonly IndexedLayer[]) {
    this.overlays = layers.map(({ result }) => new LayerOverlay(result));
  }

  /** Whether a layer above the given one removes or replaces the path. */
  isHiddenAbove(index: number, path: string): boolean {
    for (let above = index + 1; above < this.overlays.length; above += 1) {
      if (this.overlays[above]?.hides(path)) return true;
    }
    return false;
  }

  /** The root's distribution for a layer: its own, else the nearest below, else the nearest above (spec 2.6). */
  distributionFor(index: number, root: string): LayerDistribution | undefined {
    const below = Array.from({ length: index + 1 }, (_, step) => index - step);
    const above = Array.from({ length: this.layers.length - index - 1 }, (_, step) => index + 1 + step);
    for (const at of [...below, ...above]) {
      const found = this.layers[at]?.result.distributions.find((distribution) => distribution.root === root);
      if (found) return found;
    }
    // A chroot without an os-release is taken for one of the image's own distribution.
    return root === '' ? undefined : this.distributionFor(index, '');
  }
}
