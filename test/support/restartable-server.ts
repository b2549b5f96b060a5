import { setTimeout as delay } from 'node:timers/promises';

import type { RunningProcess } from './processes';
import { startProcess } from './processes';

export interface ServerPlan {
  name: string;
  command: string;
  /** Asked at each start, so that ports nobody else needs to know may change. */
  args: () => string[] | Promise<string[]>;
  env?: () => Promise<NodeJS.ProcessEnv>;
  /** Throws until the server does its work. */
  ready: () => Promise<unknown>;
  readyMs?: number;
}

/** A server of a test's own that goes away, hangs and comes back: always under the same address, with what it had stored. */
export class RestartableServer {
  readonly name: string;
  readonly #plan: ServerPlan;
  readonly #output: string[] = [];
  #running: RunningProcess | undefined;

  constructor(plan: ServerPlan) {
    this.#plan = plan;
    this.name = plan.name;
  }

  get pid(): number {
    return this.#running?.child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#running !== undefined && !hasEnded(this.#running);
  }

  /** Everything that it printed, over all of its lives. */
  output(): string {
    return this.#output.join('') + (this.#running?.output() ?? '');
  }

  /** Resolves when it is ready; a process that ends before that, or takes too long, is an error and leaves none behind. */
  async start(): Promise<RunningProcess> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#startOnce();
      } catch (error) {
        // Temporal also listens on ports that it chooses itself, and somebody else may be quicker.
        if (tries === 3 || !/address already in use/.test(String(error))) throw error;
      }
    }
  }

  async #startOnce(): Promise<RunningProcess> {
    const { name, command, args, env, readyMs = 60_000 } = this.#plan;
    const started = startProcess(command, await args(), await env?.());
    this.#remember(started);
    const end = Date.now() + readyMs;
    for (;;) {
      const reason = await this.#whyNotReady();
      if (reason === undefined) return started;
      if (hasEnded(started)) throw new Error(`${name} ended: ${started.output().slice(-3000)}`);
      if (Date.now() >= end) {
        await started.stop('SIGKILL');
        throw new Error(`${name} is not ready: ${reason}\n${started.output().slice(-2000)}`);
      }
      await delay(50);
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#running?.stop(signal);
  }

  /** For SIGSTOP and SIGCONT, which nothing waits for. */
  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#running?.child.kill(signal);
  }

  async #whyNotReady(): Promise<string | undefined> {
    try {
      await this.#plan.ready();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #remember(started: RunningProcess): void {
    if (this.#running) this.#output.push(this.#running.output());
    this.#running = started;
  }
}

function hasEnded({ child }: RunningProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}
