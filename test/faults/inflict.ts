import { setTimeout as delay } from 'node:timers/promises';

import { eventually } from '../support/eventually';
import type { RestartableServer } from '../support/restartable-server';
import type { Journal } from './journal';
import type { PlannedFault, Target } from './plan';

const START_DEADLINE_MS = 120_000;
/** Where a supervisor loses patience with a process that was told to stop. */
const STOP_GRACE_MS = 30_000;
const LOOK_EVERY_MS = 500;

export type Servers = ReadonlyMap<Target, RestartableServer>;

/** Carries out the faults, one after the other per target, and has everything running again at the end. */
export class FaultRunner {
  readonly #hurt = new Set<Target>();
  #isOver = false;

  constructor(
    private readonly servers: Servers,
    private readonly journal: Journal,
    private readonly say: (line: string) => void,
  ) {}

  async run(faults: PlannedFault[], startMs: number): Promise<void> {
    const lanes = [...this.servers.keys()].map(async (target) => {
      for (const fault of faults.filter((planned) => planned.target === target)) {
        await delay(Math.max(0, startMs + fault.atMs - Date.now()));
        await this.#inflict(fault, startMs);
      }
    });
    await Promise.all(lanes);
  }

  /** Starts again what ended by itself, as whoever supervises the processes does, until `stop`. */
  async supervise(): Promise<void> {
    while (!this.#isOver) {
      for (const [target, server] of this.servers) {
        if (server.isRunning || this.#hurt.has(target)) continue;
        this.journal.ownEnds.push(`${target}: ${server.output().slice(-400)}`);
        await this.#startAgain(target, server);
      }
      await delay(LOOK_EVERY_MS);
    }
  }

  stop(): void {
    this.#isOver = true;
  }

  async #inflict({ target, kind, forMs }: PlannedFault, startMs: number): Promise<void> {
    const server = this.servers.get(target);
    if (!server) throw new Error(`there is no ${target} to hurt`);
    const fromMs = Date.now();
    this.#hurt.add(target);
    try {
      if (kind === 'freeze') {
        server.signal('SIGSTOP');
        await delay(forMs);
        server.signal('SIGCONT');
      } else {
        await takeDown(server, kind);
        await delay(forMs);
        await this.#startAgain(target, server);
      }
    } finally {
      this.#hurt.delete(target);
    }
    const untilMs = Date.now();
    this.journal.faults.push({ target, kind, fromMs, untilMs });
    const seconds = (ms: number) => ((ms - startMs) / 1000).toFixed(1);
    this.say(`  ${seconds(fromMs)} s – ${seconds(untilMs)} s  ${kind} ${target}`);
  }

  /** Also while something that it needs is away: then it ends, and is started again. */
  async #startAgain(target: Target, server: RestartableServer): Promise<void> {
    await eventually(async () => {
      if (!server.isRunning) await server.start();
    }, START_DEADLINE_MS);
  }
}

async function takeDown(server: RestartableServer, kind: 'kill' | 'stop'): Promise<void> {
  if (kind === 'kill') return server.stop('SIGKILL');
  const impatience = setTimeout(() => server.signal('SIGKILL'), STOP_GRACE_MS);
  await server.stop('SIGTERM');
  clearTimeout(impatience);
}
