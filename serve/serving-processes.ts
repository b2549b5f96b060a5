import type { Worker } from 'node:cluster';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

import { AggregatorRegistry } from 'prom-client';
import type { Registry } from 'prom-client';

import type { Logger } from '../telemetry/logger';
import type { Message } from './messages';
import { Questions } from './questions';
import { RestartPolicy } from './restart-policy';

/** In MiB. V8 lets up to 16 of buffers that were passed on already stand, and twice as much of small objects. */
const YOUNG_GENERATION = '--max-semi-space-size=4';

interface Serving {
  questions: Questions;
  /** Once it takes requests. */
  processId?: string;
}

/** Several processes that take requests on one port. One that dies is replaced; all of them end with this one. */
export class ServingProcesses {
  /** Rejects when it is no use to go on: processes die one after the other, or none is left and no other starts. */
  readonly broken: Promise<never>;
  readonly #workers = new Map<Worker, Serving>();
  /** Names of dead processes that none of the living was told of yet. */
  readonly #dead = new Set<string>();
  readonly #stopping = new AbortController();
  readonly #replacing = new Set<Promise<void>>();
  readonly #policy = new RestartPolicy();
  #failure: Error | undefined;
  #giveUp: (error: Error) => void = () => undefined;

  constructor(private readonly options: { count: number; metrics: Registry; logger: Logger }) {
    cluster.setupPrimary({ execArgv: [...process.execArgv, YOUNG_GENERATION] });
    this.broken = new Promise((_, reject) => (this.#giveUp = reject));
    this.broken.catch(() => undefined);
  }

  /** Resolves when all of them take requests; rejects when one ends before it does. */
  async start(): Promise<void> {
    await Promise.all(Array.from({ length: this.options.count }, () => this.#startOne()));
  }

  /** Asks all of them to end in good order. */
  stop(): void {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    for (const worker of this.#workers.keys()) send(worker, { kind: 'stop' });
  }

  /** They were told to stop, and are to end now. */
  hurry(): void {
    for (const worker of this.#workers.keys()) send(worker, { kind: 'hurry' });
  }

  /** Resolves once none is left; rejects when one of them failed to end in good order. */
  async ended(): Promise<void> {
    await Promise.all(this.#replacing);
    while (this.#workers.size > 0) await once(cluster, 'exit');
    if (this.#failure) throw this.#failure;
  }

  /** Throws unless all of them are there and well. */
  async check(): Promise<void> {
    const { count } = this.options;
    if (this.#workers.size < count) throw new Error(`${this.#workers.size} of ${count} processes are there`);
    await Promise.all(this.#askAll('health'));
  }

  /** The sums over all of them and this process, as Prometheus reads them; who does not answer is missing in them. */
  async readMetrics(): Promise<string> {
    const answers = await Promise.allSettled(this.#askAll('metrics'));
    const values = answers
      .filter((answer) => answer.status === 'fulfilled')
      .map(({ value }) => value as object);
    const own = await this.options.metrics.getMetricsAsJSON();
    return AggregatorRegistry.aggregate([own, ...values] as object[]).metrics();
  }

  #askAll(about: 'health' | 'metrics'): Promise<unknown>[] {
    return [...this.#workers.values()].map(({ questions }) => questions.ask(about));
  }

  async #startOne(): Promise<void> {
    const worker = cluster.fork();
    const ended = this.#end(worker);
    const serving = this.#listen(worker);
    const early = await Promise.race([serving, ended]);
    const isStopping = this.#stopping.signal.aborted;
    if (early !== undefined && !isStopping) throw new Error(`${early} before it served`);
    void ended.then((end) => this.#replace(end));
  }

  #listen(worker: Worker): Promise<void> {
    const channel = {
      name: `process ${worker.process.pid}`,
      send: (message: Message) => send(worker, message),
    };
    const questions = new Questions(channel, () => this.readMetrics());
    const known: Serving = { questions };
    this.#workers.set(worker, known);
    return new Promise((resolve) => {
      worker.on('message', (message: Message) => {
        if (message.kind !== 'serving') return questions.take(message);
        known.processId = message.processId;
        this.#tellOfDead();
        resolve();
      });
    });
  }

  /** Any of the living will do. */
  #tellOfDead(): void {
    const [living] = [...this.#workers].find(([, { processId }]) => processId !== undefined) ?? [];
    if (!living) return;
    for (const processId of this.#dead) send(living, { kind: 'died', processId });
    this.#dead.clear();
  }

  /** Resolves with the way in which the process has ended. */
  #end(worker: Worker): Promise<string> {
    return new Promise((resolve) => {
      worker.once('exit', (code: number | null, signal: string | null) => {
        const { processId } = this.#workers.get(worker) ?? {};
        this.#workers.delete(worker);
        if (processId !== undefined) this.#dead.add(processId);
        this.#tellOfDead();
        const end = signal
          ? `a process of serve was ended by ${signal}`
          : `a process of serve ended with code ${code}`;
        if (this.#stopping.signal.aborted && code !== 0) this.#failure ??= new Error(end);
        resolve(end);
      });
    });
  }

  #replace(end: string): void {
    if (this.#stopping.signal.aborted) return;
    const pauseMs = this.#policy.afterDeath(performance.now());
    if (pauseMs === undefined) {
      this.#giveUp(new Error(`processes of serve end one after the other, the last one so: ${end}`));
      return;
    }
    this.options.logger.error({ end, pauseMs }, 'a process of serve has ended; another one takes its place');
    const replacing = this.#startAgain(pauseMs);
    this.#replacing.add(replacing);
    void replacing.then(() => this.#replacing.delete(replacing));
  }

  async #startAgain(firstPauseMs: number): Promise<void> {
    const { signal } = this.#stopping;
    for (let pauseMs = firstPauseMs; ; pauseMs = this.#policy.afterFailedStart()) {
      try {
        await delay(pauseMs, undefined, { signal });
        await this.#startOne();
        return;
      } catch (err) {
        if (signal.aborted) return;
        if (this.#workers.size === 0) {
          this.#giveUp(new Error('no process of serve is left, and none can be started', { cause: err }));
          return;
        }
        this.options.logger.error({ err }, 'a process of serve could not be started; it is tried again');
      }
    }
  }
}

/** One that has just ended takes no message; its end is told apart. */
function send(worker: Worker, message: Message): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}
