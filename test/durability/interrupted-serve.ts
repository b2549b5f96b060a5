import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import type { Random } from '../support/random';
import type { ServeProcesses } from '../support/serve-processes';
import { startServeProcesses } from '../support/serve-processes';
import type { PowerCutPlan } from './power-cut-main';

export const INTERRUPTIONS = ['kill', 'power cut'] as const;
export type Interruption = (typeof INTERRUPTIONS)[number];

/** Calls to the disk before the power goes by itself; an upload makes about six. */
const CALLS_BEFORE_CUT = { least: 20, most: 300 };

export interface InterruptedServeOptions {
  interruption: Interruption;
  random: Random;
  /** Power cuts that come of themselves. */
  powerCuts: number;
  /** The disk forgets what was synced: what the campaign must notice. */
  ignore?: PowerCutPlan['ignore'];
}

/** One `serve` of the built product that dies, and comes back with what its disk was left with. */
export class InterruptedServe {
  private starts = 0;

  private constructor(
    private readonly processes: ServeProcesses,
    private readonly options: InterruptedServeOptions,
  ) {}

  static async start(options: InterruptedServeOptions): Promise<InterruptedServe> {
    // The disk is recorded within one process.
    const fields = { SERVE_PROCESSES: options.interruption === 'kill' ? 2 : 1 };
    const processes = await startServeProcesses(1, fields, { isStarted: false });
    const serve = new InterruptedServe(processes, options);
    await serve.begin();
    return serve;
  }

  get url(): string {
    return `http://127.0.0.1:${this.processes.ports[0]}`;
  }

  get dataSource(): ServeProcesses['dataSource'] {
    return this.processes.dataSource;
  }

  /** Holds the configuration too. */
  get home(): string {
    return this.processes.storagePath;
  }

  get storagePath(): string {
    return join(this.home, 'storage');
  }

  /** Answers when it has died: of itself, as the plan of a power cut says. */
  ended(): Promise<void> {
    return this.processes.ended(0);
  }

  async isUp(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/health`)).status === 200;
    } catch {
      return false;
    }
  }

  /** Now, whatever it does. */
  async interrupt(): Promise<void> {
    await this.processes.stop(0, this.options.interruption === 'kill' ? 'SIGKILL' : 'SIGUSR2');
  }

  /** With the disk as it is then. */
  async startAgain(): Promise<void> {
    if (this.options.interruption === 'power cut') this.losePower();
    await this.begin();
  }

  dispose(): Promise<void> {
    return this.processes.dispose();
  }

  private async begin(): Promise<void> {
    this.starts += 1;
    await this.processes.start(0, this.options.interruption === 'kill' ? {} : this.recorded());
  }

  private recorded(): NodeJS.ProcessEnv {
    const { random, ignore, powerCuts } = this.options;
    const { least, most } = CALLS_BEFORE_CUT;
    const plan: PowerCutPlan = {
      ...{ root: this.home, target: this.rest, ignore },
      seed: random.between(1, 1_000_000),
      ...(this.starts <= powerCuts && { cutAt: random.between(least, most) }),
    };
    const modules = [require.resolve('tsx/cjs'), join(__dirname, 'power-cut-main.ts')];
    const NODE_OPTIONS = modules.map((path) => `--require ${path}`).join(' ');
    return { NODE_OPTIONS, TEST_POWER_CUT: JSON.stringify(plan) };
  }

  private losePower(): void {
    const reason = `${this.rest}.error`;
    if (existsSync(reason)) throw new Error(readFileSync(reason, 'utf8'));
    rmSync(this.storagePath, { recursive: true, force: true });
    if (existsSync(join(this.rest, 'storage'))) renameSync(join(this.rest, 'storage'), this.storagePath);
    rmSync(this.rest, { recursive: true });
  }

  private get rest(): string {
    return `${this.home}.after`;
  }
}
