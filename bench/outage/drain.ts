import { setTimeout as delay } from 'node:timers/promises';

import { Between } from 'typeorm';

import { OutboxRow } from '../../db/entities/outbox';
import { outboxState } from '../../db/stores/outbox';
import { whatIsLeft } from '../../test/faults/outage/account';
import { startRelay } from '../../test/faults/outage/relays';
import type { Scene } from '../../test/faults/outage/scene';

export interface DrainFigures {
  waiting: number;
  /** Rows a second that Temporal accepted, workers and all running beside. */
  oneRelay: number;
  twoRelays: number;
  /** From Temporal's return to the end of the last build, scan and message. */
  processedS: number;
}

/** How long until everything has been processed at most. */
const DEADLINE_MS = 30 * 60_000;

/** Starts Temporal again and watches one relay, then two, carry what waited; the second is killed and started again. */
export async function drain(scene: Scene, say: (line: string) => void): Promise<DrainFigures> {
  const { made } = scene;
  const { waiting } = await outboxState(made.dataSource);
  await made.temporal.start();
  const backMs = Date.now();
  say(`Temporal is back; ${waiting} rows wait`);
  const firstMs = await untilWaiting(scene, waiting - 1);
  const halfMs = await untilWaiting(scene, waiting / 2);
  const oneRelay = await rate(scene, firstMs, halfMs);
  say(`one relay: ${oneRelay.toFixed(0)} rows/s`);
  const second = await startRelay(made);
  const bothMs = Date.now();
  const fewMs = await untilWaiting(scene, waiting / 10);
  await second.stop('SIGKILL');
  const twoRelays = await rate(scene, bothMs, fewMs);
  say(`two relays: ${twoRelays.toFixed(0)} rows/s; one of them was killed`);
  const third = await startRelay(made);
  try {
    await untilProcessed(scene, say);
  } finally {
    await third.stop();
  }
  return { waiting, oneRelay, twoRelays, processedS: (Date.now() - backMs) / 1000 };
}

/** Waits until no more than so many rows wait; when that was. */
async function untilWaiting({ made }: Scene, count: number): Promise<number> {
  for (;;) {
    if ((await outboxState(made.dataSource)).waiting <= count) return Date.now();
    await delay(50);
  }
}

async function rate({ made }: Scene, fromMs: number, toMs: number): Promise<number> {
  const deliveredAtMs = Between(fromMs, toMs);
  const rows = await made.dataSource.manager.countBy(OutboxRow, { deliveredAtMs });
  return rows / ((toMs - fromMs) / 1000);
}

async function untilProcessed(scene: Scene, say: (line: string) => void): Promise<void> {
  const end = Date.now() + DEADLINE_MS;
  for (let look = 1; ; look += 1) {
    const left = await whatIsLeft(scene);
    if (left === undefined) return;
    if (Date.now() > end) throw new Error(`not processed after 30 minutes: ${left}`);
    if (look % 30 === 0) say(`left: ${left}`);
    await delay(1000);
  }
}
