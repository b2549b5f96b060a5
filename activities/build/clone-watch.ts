import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface CloneLimits {
  /** Without a word and without a new byte. */
  idleMs: number;
  totalMs: number;
  /** Of what git stores. */
  maxBytes: number;
}

/** Why a clone was stopped; `stalled` may pass with time, the others stay as they are. */
export class CloneStopped extends Error {
  constructor(
    readonly kind: 'stalled' | 'slow' | 'large' | 'chatty',
    message: string,
  ) {
    super(message);
    this.name = 'CloneStopped';
  }
}

const LOOK_MS = 500;
/** simple-git keeps all that git says in memory, and git repeats all that the host says. */
const MOST_OUTPUT_BYTES = 8 * 1024 ** 2;
const SMALLEST_FILE_BYTES = 4096;

/**
 * Stops git when its host stalls, drips, or sends without end. What git says and what it stores count as signs of life;
 * neither git nor ssh sees a host that keeps its connection alive and sends nothing.
 */
export class CloneWatch {
  /** Aborts with the caller's signal, or with {@link CloneStopped}. */
  readonly signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #ended = new AbortController();
  /** Of the clock that nobody sets, as all times here. */
  readonly #startedAtMs = performance.now();
  #lastSignMs = performance.now();
  #outputBytes = 0;
  #storedBytes = 0;
  #isHostDone = false;

  constructor(
    private readonly folder: string,
    private readonly limits: CloneLimits,
    signal: AbortSignal,
  ) {
    this.signal = AbortSignal.any([signal, this.#stop.signal]);
    void this.#watch();
  }

  /** Undefined unless the watch stopped the clone. */
  get reason(): CloneStopped | undefined {
    return this.#stop.signal.aborted ? (this.#stop.signal.reason as CloneStopped) : undefined;
  }

  /** To be told what git writes on its outputs. */
  readonly hear = (chunk: Buffer): void => {
    this.#lastSignMs = performance.now();
    this.#outputBytes += chunk.length;
    if (this.#outputBytes > MOST_OUTPUT_BYTES) {
      this.#stop.abort(new CloneStopped('chatty', 'the host sends messages without end'));
    }
  };

  /** From here on git works without the host: only the time in all still counts. */
  hostIsDone(): void {
    this.#isHostDone = true;
  }

  close(): void {
    this.#ended.abort();
  }

  async #watch(): Promise<void> {
    const { idleMs, totalMs, maxBytes } = this.limits;
    const everyMs = Math.min(LOOK_MS, idleMs / 4);
    while (!this.signal.aborted && !this.#ended.signal.aborted) {
      const bytes = await sizeOf(this.folder, maxBytes);
      if (bytes !== this.#storedBytes) this.#lastSignMs = performance.now();
      this.#storedBytes = bytes;
      const stopped = this.#judge({ idleMs, totalMs, maxBytes });
      if (stopped) this.#stop.abort(stopped);
      try {
        await delay(everyMs, undefined, { signal: this.#ended.signal });
      } catch {
        // Closed: the loop ends.
      }
    }
  }

  #judge({ idleMs, totalMs, maxBytes }: CloneLimits): CloneStopped | undefined {
    if (this.#storedBytes > maxBytes) {
      return new CloneStopped(
        'large',
        `the source is larger than the ${maxBytes} bytes that a build may fetch`,
      );
    }
    const nowMs = performance.now();
    if (nowMs - this.#startedAtMs > totalMs) {
      return new CloneStopped('slow', `the source did not arrive within ${Math.round(totalMs / 1000)} s`);
    }
    if (!this.#isHostDone && nowMs - this.#lastSignMs > idleMs) {
      return new CloneStopped('stalled', `the host sent nothing for ${Math.round(idleMs / 1000)} s`);
    }
    return undefined;
  }
}

/** Of all files below; no more is counted than tells that it is over `enoughBytes`. */
async function sizeOf(folder: string, enoughBytes: number): Promise<number> {
  let bytes = 0;
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    bytes += entry.isDirectory() ? await sizeOf(path, enoughBytes - bytes) : await sizeOfFile(path);
    if (bytes > enoughBytes) break;
  }
  return bytes;
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch {
    // Git has not made it yet, or has removed it.
    return [];
  }
}

async function sizeOfFile(path: string): Promise<number> {
  try {
    return Math.max((await lstat(path)).size, SMALLEST_FILE_BYTES);
  } catch {
    // A temporary file of git's that has gone meanwhile.
    return 0;
  }
}
