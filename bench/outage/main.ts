import 'reflect-metadata';

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { takeAccount } from '../../test/faults/outage/account';
import { offer } from '../../test/faults/outage/offer';
import type { Scene } from '../../test/faults/outage/scene';
import { setScene } from '../../test/faults/outage/scene';
import { dockerIsMissing } from '../../test/support/docker';
import { product } from '../../test/support/product';
import { runProgram } from '../../test/support/run-program';
import { drain } from './drain';
import type { OutageOptions } from './options';
import { readOptions, USAGE } from './options';
import type { Figures } from './report';
import { judge, renderReport } from './report';

async function run(options: OutageOptions): Promise<number> {
  say('starting the database, Temporal, the engine and the product');
  const scene = await setScene(await product(), options.projects);
  try {
    const figures = await measure(scene, options);
    const failures = judge(figures, options);
    console.log(`\n${renderReport(figures)}\n`);
    for (const failure of failures) console.log(`✘ ${failure}`);
    mkdirSync(dirname(options.json), { recursive: true });
    writeFileSync(options.json, `${JSON.stringify({ options, figures, failures }, null, 2)}\n`);
    return failures.length === 0 ? 0 : 1;
  } finally {
    await scene.dispose();
  }
}

async function measure(scene: Scene, options: OutageOptions): Promise<Figures> {
  const share = options.before / options.minutes;
  const counts = (part: number) => ({
    pushes: Math.round(options.pushes * part),
    webhooks: Math.round(options.webhooks * part),
    durationMs: options.minutes * part * 60_000,
  });
  // Compiles what it runs often, and fills its caches.
  await offer(scene, { name: 'warm', pushes: 100, webhooks: 0, durationMs: 5000 });
  say(`offering requests with Temporal for ${options.before} min`);
  const before = await offer(scene, { name: 'before', ...counts(share) });
  const stoppedAtMs = Date.now();
  await scene.made.temporal.stop();
  say(`Temporal is stopped; offering requests for ${options.minutes} min`);
  const during = await offer(scene, { name: 'during', ...counts(1) });
  const drained = await drain(scene, say);
  say('holding everybody’s books against each other');
  return { before, during, drain: drained, account: await takeAccount(scene, stoppedAtMs) };
}

function say(line: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);
}

const needs = 'the bench needs a Docker engine';
runProgram({ usage: USAGE, readOptions, needs, whyMissing: dockerIsMissing, run });
