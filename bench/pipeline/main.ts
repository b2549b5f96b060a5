import 'reflect-metadata';

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { docker, dockerIsMissing } from '../../test/support/docker';
import { product } from '../../test/support/product';
import { baseImage } from '../../test/support/project';
import { runProgram } from '../../test/support/run-program';
import { timeFirstLines } from './first-lines';
import type { BenchOptions } from './options';
import { readOptions, USAGE } from './options';
import type { Ground, Pair } from './pairs';
import { PairBench } from './pairs';
import type { Figures } from './report';
import { judge, renderReport, resultDocument } from './report';

async function run(options: BenchOptions): Promise<number> {
  const say = (line: string) => console.log(line);
  say('starting the database, Temporal, the engine and the product');
  const made = await product();
  const ground: Ground = {
    made,
    docker: await docker(),
    base: await baseImage(made),
    fresh: options.fresh,
    say,
  };
  const figures: Figures = { pairs: [], firstLines: [] };
  say('timing webhook calls to the first line of the clone');
  figures.firstLines = await timeFirstLines(ground, options.samples);
  figures.pairs = await measurePairs(ground, options);

  say(`\n${renderReport(figures)}\n`);
  const failures = options.quick ? [] : judge(figures);
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, resultDocument(options, figures, failures));
  for (const failure of failures) say(`missed: ${failure}`);
  say(
    `${options.quick ? 'no verdict from a quick run' : failures.length > 0 ? 'missed' : 'met'}; figures in ${options.json}`,
  );
  return failures.length > 0 ? 1 : 0;
}

/** Alternating, and who goes first changes from pair to pair, so that no side always meets a warmer machine. */
async function measurePairs(ground: Ground, { pairs, seconds }: BenchOptions): Promise<Pair[]> {
  ground.say('warming up');
  const bench = await PairBench.prepare(ground, seconds);
  const measured: Pair[] = [];
  try {
    for (let index = 0; index < pairs; index += 1) {
      const pair = await bench.measure(index % 2 === 0 ? 'slipway first' : 'dockerode first');
      measured.push(pair);
      ground.say(`pair ${index + 1} of ${pairs}: ratio ${pair.ratio.toFixed(3)}`);
    }
  } finally {
    await bench.dispose();
  }
  return measured;
}

const needs = 'the bench needs a Docker engine';
runProgram({ usage: USAGE, readOptions, needs, whyMissing: dockerIsMissing, run });
