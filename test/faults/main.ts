import 'reflect-metadata';

import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

import { ownEngineIsMissing } from '../support/docker';
import { runCampaign } from './campaign';
import { FULL, SHORT } from './plan';

/** `--seed 7` runs that campaign, `--seeds 10` ten with new seeds, `--short` the small one that `npm test` has. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, seeds: { type: 'string' }, short: { type: 'boolean' } },
  });
  const missing = ownEngineIsMissing();
  if (missing) throw new Error(`the fault campaign needs an engine that it may kill: ${missing}`);
  const seeds =
    values.seed === undefined
      ? Array.from({ length: Number(values.seeds ?? 1) }, () => randomInt(1, 1_000_000))
      : [Number(values.seed)];
  const failed: number[] = [];
  for (const seed of seeds) if (!(await runOne(seed, values.short ?? false))) failed.push(seed);
  console.log(`${seeds.length - failed.length} of ${seeds.length} campaigns passed: ${seeds.join(', ')}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

async function runOne(seed: number, isShort: boolean): Promise<boolean> {
  console.log(`\nfault campaign, seed ${seed}`);
  const startMs = Date.now();
  const findings = await runCampaign(seed, isShort ? SHORT : FULL, (line) => console.log(line));
  console.log(`seed ${seed}: ${findings.length} findings, ${Math.round((Date.now() - startMs) / 1000)} s`);
  if (findings.length === 0) return true;
  for (const finding of findings) console.log(`  ✖ ${finding}`);
  console.log(`again: npm run test:faults -- --seed ${seed}${isShort ? ' --short' : ''}`);
  return false;
}

void main();
