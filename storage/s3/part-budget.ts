import type { Transfers } from '../transfers';

export const LARGE_PART_BYTES = 8 * 1024 ** 2;
/** Stores take no smaller ones, but for the last. */
const SMALL_PART_BYTES = 5 * 1024 ** 2;
/** Transfers beyond which uploads are held to small parts. */
const FEW_TRANSFERS = 4;
const PARTS_ON_THE_WAY = 6;
const KEPT_BUFFERS = 4;

/** What the uploads of this process hold in memory: a part each that is being filled, and a few that are on their way. */
export class PartBudget {
  private readonly free: Buffer[] = [];
  private readonly waiting: (() => void)[] = [];
  private onTheWay = 0;

  constructor(private readonly transfers: Transfers) {}

  /** For every part of an upload, as some stores want them alike; `first` is what it began with elsewhere. */
  partBytes(first: number | undefined): number {
    if (first === LARGE_PART_BYTES || first === SMALL_PART_BYTES) return first;
    return this.transfers.active > FEW_TRANSFERS ? SMALL_PART_BYTES : LARGE_PART_BYTES;
  }

  /** Pages of it take no memory before they are written to. */
  takeBuffer(sizeBytes: number): Buffer {
    const index = this.free.findIndex((buffer) => buffer.length === sizeBytes);
    const [buffer] = index < 0 ? [] : this.free.splice(index, 1);
    return buffer ?? Buffer.allocUnsafeSlow(sizeBytes);
  }

  /** Only a whole buffer that nobody reads any more, not even a request that has failed. */
  giveBack(buffer: Buffer): void {
    if (this.free.length < KEPT_BUFFERS) this.free.push(buffer);
  }

  /** Waits until a part may be sent; ends with `release`. */
  async claim(): Promise<void> {
    if (this.onTheWay >= PARTS_ON_THE_WAY) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.onTheWay += 1;
  }

  release(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.onTheWay -= 1;
  }
}
