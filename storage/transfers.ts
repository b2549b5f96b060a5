const SHARED_WINDOW_BYTES = 4 * 1024 ** 2;
const SMALLEST_WINDOW_BYTES = 256 * 1024;
const MANY_TRANSFERS = 4;
const LARGE_READ_BYTES = 1024 ** 2;
const SMALL_READ_BYTES = 256 * 1024;

/** What runs in this process at the moment, and how much of the shared window it holds (performance spec 3.3). */
export class Transfers {
  active = 0;
  /** Received but not yet written, all uploads together. */
  bufferedBytes = 0;

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

  get largestReadBytes(): number {
    return this.active > MANY_TRANSFERS ? SMALL_READ_BYTES : LARGE_READ_BYTES;
  }
}
