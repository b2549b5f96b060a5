import { cpus, totalmem } from 'node:os';

import type { BenchOptions } from './options';
import type { Pair } from './pairs';
import type { Phases } from './phases';
import { median, quantile } from '../statistics';
import type { FirstLine } from './through-slipway';

const MOST_OVERHEAD = 1.1;
const FIRST_LINE_MS = 500;
const SHORTEST_BUILD_MS = 20_000;
const FEWEST_PAIRS = 5;
const FEWEST_SAMPLES = 20;

const PHASES: (keyof Phases)[] = ['wait', 'clone', 'context', 'base', 'build', 'push', 'finish', 'between'];

export interface Figures {
  pairs: Pair[];
  firstLines: FirstLine[];
}

/** What keeps the run from meeting the bars; nothing when it does. */
export function judge({ pairs, firstLines }: Figures): string[] {
  const ratio = median(pairs.map((pair) => pair.ratio));
  const firstLine = quantile(
    firstLines.map(({ sinceCallMs }) => sinceCallMs),
    0.5,
  );
  const shortest = Math.min(...pairs.flatMap(({ slipwayMs, dockerodeMs }) => [slipwayMs, dockerodeMs]));
  return [
    ...(pairs.length < FEWEST_PAIRS ? [`a verdict takes ${FEWEST_PAIRS} pairs`] : []),
    ...(firstLines.length < FEWEST_SAMPLES ? [`a verdict takes ${FEWEST_SAMPLES} webhook calls`] : []),
    ...(shortest < SHORTEST_BUILD_MS
      ? [`a build took ${seconds(shortest)} s, less than ${seconds(SHORTEST_BUILD_MS)}: raise --seconds`]
      : []),
    ...(ratio > MOST_OVERHEAD ? [`the median ratio is ${ratio.toFixed(3)}, above ${MOST_OVERHEAD}`] : []),
    ...(firstLine >= FIRST_LINE_MS
      ? [`half of the first lines took ${firstLine.toFixed(0)} ms or more, not less than ${FIRST_LINE_MS}`]
      : []),
  ];
}

/** One table of all pairs, with their medians, and the times of the first line. */
export function renderReport({ pairs, firstLines }: Figures): string {
  const ratios = pairs.map(({ ratio }) => ratio);
  const rows = [
    ['pair', 'first', 'slipway s', 'dockerode s', 'ratio', 'MB', ...PHASES, '| build', 'push'],
    ...pairs.map((pair, index) => rowOf(String(index + 1), pair)),
    rowOf('median', medianPair(pairs)),
  ];
  const lines = (name: string, values: number[]) =>
    `${name}: p50 ${quantile(values, 0.5).toFixed(0)} ms, p90 ${quantile(values, 0.9).toFixed(0)} ms`;
  return [
    'Seconds from the webhook call to an image that can be pulled, and from the first byte of the context to the same',
    '(phases of Slipway in ms; behind the bar those of dockerode)',
    '',
    ...align(rows),
    '',
    `ratio: median ${median(ratios).toFixed(3)}, from ${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}`,
    `first line of the clone, ${firstLines.length} calls`,
    lines(
      '  from the webhook call',
      firstLines.map(({ sinceCallMs }) => sinceCallMs),
    ),
    lines(
      '  from its answer      ',
      firstLines.map(({ sinceAnswerMs }) => sinceAnswerMs),
    ),
  ].join('\n');
}

export function resultDocument(options: BenchOptions, figures: Figures, failures: string[]): string {
  const ratios = figures.pairs.map(({ ratio }) => ratio);
  const calls = figures.firstLines.map(({ sinceCallMs }) => sinceCallMs);
  const document = {
    at: new Date().toISOString(),
    machine: { cpus: cpus().length, model: cpus()[0]?.model, memoryBytes: totalmem(), node: process.version },
    options,
    medianRatio: median(ratios),
    leastRatio: Math.min(...ratios),
    greatestRatio: Math.max(...ratios),
    firstLineFromCallMs: { p50: quantile(calls, 0.5), p90: quantile(calls, 0.9) },
    medianPhasesMs: medianPair(figures.pairs).phases,
    failures,
    ...figures,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

type Row = Omit<Pair, 'order'> & { order?: Pair['order'] };

function rowOf(name: string, { order, ...pair }: Row): string[] {
  return [
    name,
    order?.split(' ')[0] ?? '',
    seconds(pair.slipwayMs),
    seconds(pair.dockerodeMs),
    pair.ratio.toFixed(3),
    (pair.slipwayBytes / 1e6).toFixed(1),
    ...PHASES.map((phase) => pair.phases[phase].toFixed(0)),
    `| ${pair.dockerode.build.toFixed(0)}`,
    pair.dockerode.push.toFixed(0),
  ];
}

/** Each figure's own median. */
function medianPair(pairs: Pair[]): Row {
  const of = (read: (pair: Pair) => number) => median(pairs.map(read));
  const phases: Phases = { wait: 0, clone: 0, context: 0, base: 0, build: 0, push: 0, finish: 0, between: 0 };
  for (const phase of PHASES) phases[phase] = of((pair) => pair.phases[phase]);
  return {
    slipwayMs: of((pair) => pair.slipwayMs),
    dockerodeMs: of((pair) => pair.dockerodeMs),
    ratio: of((pair) => pair.ratio),
    slipwayBytes: of((pair) => pair.slipwayBytes),
    dockerodeBytes: of((pair) => pair.dockerodeBytes),
    phases,
    dockerode: { build: of((pair) => pair.dockerode.build), push: of((pair) => pair.dockerode.push) },
  };
}

function align(rows: string[][]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '));
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}
