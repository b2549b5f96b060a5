import type { PushedImage } from './sides';

/** Images of one pair may differ by this much in bytes. */
const TOLERANCE = 0.02;

/** Watches that no build got anything from an earlier one but its base image, and that both sides push as much. */
export class FairContent {
  readonly #seen = new Map<string, string>();

  constructor(private readonly base: PushedImage) {}

  /** Bytes of the layers that this build made; throws when one of them was there before. */
  admit(run: string, { layers }: PushedImage): number {
    const isBase = this.base.layers.every(({ digest }, index) => layers[index]?.digest === digest);
    if (!isBase) throw new Error(`${run} does not begin with the layers of the base image`);
    const own = layers.slice(this.base.layers.length);
    for (const { digest } of own) {
      const before = this.#seen.get(digest);
      if (before !== undefined) throw new Error(`${run} has a layer of ${before}: the content is not unique`);
      this.#seen.set(digest, run);
    }
    return own.reduce((sum, { size }) => sum + size, 0);
  }

  assertAlike(oursBytes: number, directBytes: number): void {
    if (Math.abs(oursBytes / directBytes - 1) <= TOLERANCE) return;
    throw new Error(`the sides of a pair pushed ${oursBytes} and ${directBytes} bytes`);
  }
}
