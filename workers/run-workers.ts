import { setTimeout as delay } from 'node:timers/promises';

import type { Worker } from '@temporalio/worker';

import type { HandOver } from '../activities/build/hand-over';
import type { Logger } from '../telemetry/logger';
import type { ShutdownSignals } from '../telemetry/run-process';

/** Time for the workflows of builds to clean up here and let go of their slots. */
const HAND_OVER_MS = 15_000;

export interface RunningWorkers {
  /** Hold slots of builds: they end before the others, which the builds need. */
  holders: Worker[];
  others: Worker[];
  handOver: HandOver;
  /** How long builds may go on after the signal. */
  buildGraceMs: number;
  logger: Logger;
}

/** Runs workers until told to stop, or until one of them fails, which ends the others and throws. */
export async function runWorkers(running: RunningWorkers, signals: ShutdownSignals): Promise<void> {
  const { holders, others, handOver } = running;
  const failed = new AbortController();
  const run = async (worker: Worker) => {
    try {
      await worker.run();
    } catch (error) {
      failed.abort(error);
    }
  };
  const held = Promise.all(holders.map(run));
  const rest = Promise.all(others.map(run));
  await aborted(AbortSignal.any([signals.stopping, failed.signal]));
  shutDown(holders);
  if (!failed.signal.aborted) {
    await letGo(held, running, AbortSignal.any([signals.hurrying, failed.signal]));
  }
  handOver.finish();
  await held;
  shutDown(others);
  await rest;
  if (failed.signal.aborted) throw failed.signal.reason;
}

/** Lets builds end by themselves, and asks those that do not to begin again elsewhere. */
async function letGo(
  held: Promise<unknown>,
  { handOver, buildGraceMs, logger }: RunningWorkers,
  hurrying: AbortSignal,
): Promise<void> {
  const builds = handOver.left.length;
  if (builds > 0) {
    logger.info({ builds, graceMs: buildGraceMs }, 'no new build is taken; those that run may end');
  }
  if (await isSettled(held, buildGraceMs, hurrying)) return;
  logger.info({ builds: handOver.left.length }, 'handing builds over to other workers');
  handOver.begin();
  await isSettled(held, HAND_OVER_MS);
}

function shutDown(workers: Worker[]): void {
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Whether the work ends within this time, or before the signal. */
async function isSettled(work: Promise<unknown>, limitMs: number, signal?: AbortSignal): Promise<boolean> {
  const done = new AbortController();
  const limit = AbortSignal.any(signal ? [done.signal, signal] : [done.signal]);
  const late = delay(limitMs, false, { signal: limit }).catch(() => false);
  const isInTime = await Promise.race([work.then(() => true), late]);
  done.abort();
  return isInTime;
}
