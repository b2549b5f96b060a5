import 'reflect-metadata';

import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { runProgram } from '../support/run-program';
import { runCampaign } from './campaign';
import type { CampaignPlan } from './campaign';
import { INTERRUPTIONS } from './interrupted-serve';

const SERVE = join(__dirname, '..', '..', 'dist', 'serve', 'main.js');

const USAGE = `Usage: npm run test:durability -- [options]

Lets clients push to and delete from a registry that is killed, or loses power, again and again, and checks what each of them
was promised. It takes about a minute a seed.

  --seeds <n>            campaigns with new seeds; 1 by default
  --seed <n>             the campaign of this seed
  --acts <n>             what the clients do in all; 1000 by default
  --clients <n>          8 by default
  --interruptions <n>    10 by default
  --ignore <what>        syncs of "files" or of "folders" do nothing: findings are what must come of it
  --help

Exit codes: 0 nothing was found, 1 something was, 2 wrong usage.`;

const OPTIONS = {
  seed: { type: 'string' },
  seeds: { type: 'string', default: '1' },
  acts: { type: 'string', default: '1000' },
  clients: { type: 'string', default: '8' },
  interruptions: { type: 'string', default: '10' },
  ignore: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

interface DurabilityOptions extends Pick<CampaignPlan, 'acts' | 'clients' | 'interruptions' | 'ignore'> {
  seeds: number[];
}

function readOptions(args: string[]): DurabilityOptions | undefined {
  const { seed, seeds, ignore, help, ...numbers } = parseArgs({ args, options: OPTIONS }).values;
  if (help) return undefined;
  if (ignore !== undefined && ignore !== 'files' && ignore !== 'folders') {
    throw new Error(`--ignore takes "files" or "folders", not "${ignore}"`);
  }
  const given = seed === undefined ? [] : [positive('seed', seed)];
  const fresh = Array.from({ length: positive('seeds', seeds) }, () => randomInt(1, 1_000_000));
  return {
    seeds: given.length > 0 ? given : fresh,
    acts: positive('acts', numbers.acts),
    clients: positive('clients', numbers.clients),
    interruptions: positive('interruptions', numbers.interruptions),
    ignore,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`--${name} takes a whole number above 0, not "${text}"`);
}

async function run({ seeds, ...plan }: DurabilityOptions): Promise<number> {
  const failed: number[] = [];
  for (const seed of seeds) {
    for (const interruption of INTERRUPTIONS) {
      const { findings, facts } = await runCampaign({ ...plan, seed, interruption });
      console.log(`seed ${seed}, ${interruption}: ${findings.length} findings; ${facts}`);
      for (const finding of findings) console.log(`  ✖ ${finding}`);
      if (findings.length > 0) failed.push(seed);
    }
  }
  return failed.length === 0 ? 0 : 1;
}

runProgram({
  usage: USAGE,
  readOptions,
  needs: 'the durability campaign needs the built product',
  whyMissing: () => (existsSync(SERVE) ? undefined : `there is no ${SERVE}`),
  run,
});
