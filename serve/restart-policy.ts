const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const WINDOW_MS = 60_000;
/** With the pauses between them, this many within the window means that each new process dies soon. */
const MOST_DEATHS = 6;

/** What to do when one of several processes has died: start another after a pause that grows while they keep dying. */
export class RestartPolicy {
  #deaths: number[] = [];
  #pauses = 0;

  /** Answers the pause before the next start, or undefined when another one would die as well. `nowMs` of any steady clock. */
  afterDeath(nowMs: number): number | undefined {
    this.#deaths = [...this.#deaths.filter((atMs) => nowMs - atMs < WINDOW_MS), nowMs];
    if (this.#deaths.length > MOST_DEATHS) return undefined;
    // After a quiet window it begins with short pauses again.
    if (this.#deaths.length === 1) this.#pauses = 0;
    return this.#nextPause();
  }

  /** A start that failed while others serve: something is away, and comes back some day. */
  afterFailedStart(): number {
    return this.#nextPause();
  }

  #nextPause(): number {
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#pauses, LONGEST_PAUSE_MS);
    this.#pauses += 1;
    return pauseMs;
  }
}
