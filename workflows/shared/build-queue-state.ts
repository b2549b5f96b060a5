import type { BuildQueueInput, DropBuild, EnqueueBuild, QueuedBuild } from './contracts';

/** Ids that are remembered so that repeating a signal changes nothing. */
const REMEMBERED = 500;

/**
 * Which builds of one namespace wait and run: at most `limit` at once, at most one per repository, first come first
 * served otherwise. Plain state without Temporal; the workflow `buildQueue` wires signals to it.
 */
export class BuildQueueState {
  readonly #waiting: QueuedBuild[];
  readonly #running: Map<string, QueuedBuild>;
  readonly #seen: Set<string>;
  #version = 0;

  constructor(private readonly input: BuildQueueInput) {
    this.#waiting = [...(input.waiting ?? [])];
    this.#running = new Map((input.running ?? []).map((build) => [build.buildId, build]));
    this.#seen = new Set(input.seen);
  }

  /** Grows whenever a signal changed something. */
  get version(): number {
    return this.#version;
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#running.size === 0;
  }

  enqueue({ eventId, ...build }: EnqueueBuild): void {
    if (this.#seen.has(eventId) || this.#seen.has(build.buildId)) return;
    this.#remember(eventId);
    this.#waiting.push(build);
    this.#version += 1;
  }

  /** Takes a cancelled build out while it waits; one that runs frees its slot itself. */
  drop({ buildId }: DropBuild): void {
    this.#remember(buildId);
    this.#takeOut(buildId);
  }

  finish(buildId: string): void {
    this.#remember(buildId);
    this.#takeOut(buildId);
    if (this.#running.delete(buildId)) this.#version += 1;
  }

  /** The next build that may run, now counted as running; undefined when none may. */
  startNext(): QueuedBuild | undefined {
    if (this.#running.size >= this.input.limit) return undefined;
    const busy = new Set([...this.#running.values()].map((build) => build.repository));
    const index = this.#waiting.findIndex((build) => !busy.has(build.repository));
    const [next] = index < 0 ? [] : this.#waiting.splice(index, 1);
    if (next) this.#running.set(next.buildId, next);
    return next;
  }

  /** Everything that the queue holds, so that somebody can look which of it has ended. */
  buildIds(): string[] {
    return [...this.#running.keys(), ...this.#waiting.map((build) => build.buildId)];
  }

  /** What goes into the next run. */
  snapshot(): BuildQueueInput {
    return {
      ...this.input,
      waiting: this.#waiting,
      running: [...this.#running.values()],
      seen: [...this.#seen],
    };
  }

  #takeOut(buildId: string): void {
    const index = this.#waiting.findIndex((build) => build.buildId === buildId);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.#version += 1;
  }

  #remember(id: string): void {
    this.#seen.delete(id);
    this.#seen.add(id);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= REMEMBERED) break;
      this.#seen.delete(oldest);
    }
  }
}
