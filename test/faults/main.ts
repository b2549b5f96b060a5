import 'reflect-metadata';

import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

import { ownEngineIsMissing } from '../support/docker';
import { runProgram } from '../support/run-program';
import { runCampaign } from './campaign';
import { FULL, SHORT } from './plan';

const USAGE = `Usage: npm run test:faults -- [options]

Kills, freezes and stops every process of a product of its own under load, and checks what it had promised. It needs root and
a dockerd, and takes about three minutes a seed.

  --seeds <n>   campaigns with new seeds; 1 by default
  --seed <n>    the campaign of this seed
  --short       the small one that npm test has
  --help

Exit codes: 0 nothing was found, 1 something was, 2 wrong usage.`;

const OPTIONS = {
  seed: { type: 'string' },
  seeds: { type: 'string', default: '1' },
  short: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

interface CampaignOptions {
  seeds: number[];
  short: boolean;
}

function readOptions(args: string[]): CampaignOptions | undefined {
  const { seed, seeds, short, help } = parseArgs({ args, options: OPTIONS }).values;
  if (help) return undefined;
  const given = seed === undefined ? [] : [positive('seed', seed)];
  const fresh = Array.from({ length: positive('seeds', seeds) }, () => randomInt(1, 1_000_000));
  return { seeds: given.length > 0 ? given : fresh, short };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Error(`--${name} takes a whole number above 0, not "${text}"`);
  }
  return value;
}

async function run({ seeds, short }: CampaignOptions): Promise<number> {
  const failed: number[] = [];
  for (const seed of seeds) if (!(await runOne(seed, short))) failed.push(seed);
  console.log(`${seeds.length - failed.length} of ${seeds.length} campaigns passed: ${seeds.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
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

const needs = 'the fault campaign needs an engine that it may kill';
runProgram({ usage: USAGE, readOptions, needs, whyMissing: ownEngineIsMissing, run });
