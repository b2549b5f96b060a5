const SHARED_WINDOW_BYTES = 4 * 1024 ** 2;
const SMALLEST_WINDOW_BYTES = 256 * 1024;
const BLOCK_SIZES = [64 * 1024, 256 * 1024, 1024 ** 2] as const;
const SHARED_BLOCK_BYTES = 8 * 1024 ** 2;
const LARGEST_POOL_BYTES = 8 * 1024 ** 2;

/** What runs in this process at the moment, and how much memory it may hold (performance spec 3.3, 4.1). */
export class Transfers {
  active = 0;
  /** Received but not yet written, all uploads together. */
  bufferedBytes = 0;
  private readonly freeBlocks: Buffer[] = [];
  private freeBytes = 0;

  begin(): () => void {
    this.active += 1;
    let isOver = false;
    return () => {
      if (!isOver) this.active -= 1;
      isOver = true;
    };
  }

  /** For one upload; it shrinks while the upload is under way when others begin. */
  get windowBytes(): number {
    return Math.max(SMALLEST_WINDOW_BYTES, SHARED_WINDOW_BYTES / Math.max(1, this.active));
  }

  /** How much one download reads at a time: large reads decide its speed, their sum is bounded. */
  get blockBytes(): number {
    const share = SHARED_BLOCK_BYTES / Math.max(1, this.active);
    return BLOCK_SIZES.findLast((size) => size <= share) ?? BLOCK_SIZES[0];
  }

  /** Blocks are used again, as the collector lets tens of megabytes of dead ones stand otherwise. */
  takeBlock(sizeBytes: number): Buffer {
    const index = this.freeBlocks.findLastIndex((block) => block.length === sizeBytes);
    const [block] = index < 0 ? [] : this.freeBlocks.splice(index, 1);
    if (block) this.freeBytes -= sizeBytes;
    return block ?? Buffer.allocUnsafeSlow(sizeBytes);
  }

  /** Only for a block that nobody reads or writes any more. */
  giveBack(block: Buffer): void {
    this.freeBlocks.push(block);
    this.freeBytes += block.length;
    // The oldest go first: when transfers become many, the large blocks of before must make room for small ones.
    while (this.freeBytes > LARGEST_POOL_BYTES) this.freeBytes -= this.freeBlocks.shift()?.length ?? 0;
  }
}
