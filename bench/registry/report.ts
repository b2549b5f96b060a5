import { cpus, totalmem } from 'node:os';

import { median } from '../statistics';
import type { Bar, Cell } from './cells';
import type { RegistryBenchOptions } from './options';
import type { Measured } from './runs';

const FEWEST_ROUNDS = 5;

/** A cell of both sides in one round; only ours where the peer has no such thing. */
interface Round {
  ours: Measured;
  peer?: Measured;
}

export interface CellFigures {
  cell: Cell;
  rounds: Round[];
}

type Standing = 'GOAL' | 'MUST' | 'missed';

export interface Verdict {
  cell: string;
  of: 'rate' | 'CPU' | 'p50' | 'p99 ms';
  value: number;
  least: number;
  most: number;
  bar: Bar;
  standing: Standing;
}

/** What the bars of a cell say; nothing of one that has none. */
export function verdictsOf({ cell, rounds }: CellFigures): Verdict[] {
  const verdict = (of: Verdict['of'], bar: Bar | undefined, read: (round: Round) => number): Verdict[] => {
    if (!bar) return [];
    const values = rounds.map(read);
    const value = median(values);
    const isSmallGood = of !== 'rate';
    const reaches = (limit: number) => (isSmallGood ? value <= limit : value >= limit);
    const standing = reaches(bar.goal) ? 'GOAL' : reaches(bar.must) ? 'MUST' : 'missed';
    const spread = { least: Math.min(...values), most: Math.max(...values) };
    return [{ cell: cell.name, of, value, ...spread, bar, standing }];
  };
  return [
    ...verdict(
      'rate',
      cell.rate,
      ratioOf((measured) => measured.rate),
    ),
    ...verdict(
      'CPU',
      cell.cpu,
      ratioOf((measured) => measured.cpuMs + measured.databaseCpuMs),
    ),
    ...verdict(
      'p50',
      cell.p50,
      ratioOf((measured) => measured.p50Ms),
    ),
    ...verdict('p99 ms', cell.p99Ms, ({ ours }) => ours.p99Ms),
  ];
}

/** One sentence for each bar that was missed, each request that failed, and each cell with too few rounds for a verdict. */
export function judge(
  figures: readonly CellFigures[],
  { quick }: Pick<RegistryBenchOptions, 'quick'>,
): string[] {
  const failed = figures.flatMap(({ cell, rounds }) => {
    const errors = rounds.flatMap(({ ours, peer }) => [...ours.errors, ...(peer?.errors ?? [])]);
    return errors.length === 0 ? [] : [`${cell.name}: ${errors.length} failed, the first: ${errors[0]}`];
  });
  if (quick) return failed;
  const missed = figures
    .flatMap(verdictsOf)
    .filter(({ standing }) => standing === 'missed')
    .map(({ cell, of, value, bar }) => `${cell}: ${of} is ${value.toFixed(2)}, the bar is ${bar.must}`);
  const short = figures.some(({ rounds }) => rounds.length < FEWEST_ROUNDS);
  return [...failed, ...missed, ...(short ? [`a verdict takes ${FEWEST_ROUNDS} rounds`] : [])];
}

/** One table of all cells: medians of the rounds, and of their ratios with the spread. */
export function renderReport(figures: readonly CellFigures[]): string {
  const rows = figures.flatMap(rowsOf);
  return [
    'Medians of all rounds, distribution | Slipway. Rates in MiB/s or requests/s; CPU in ms for each MiB or request, of all',
    'server processes (and the database); memory is the most resident, summed over processes.',
    '',
    ...align([
      ['cell', 'rate', 'ratio', 'from', 'to', 'p50 ms', 'p99 ms', 'CPU ms', 'ratio', 'MiB', 'bars'],
      ...rows,
    ]),
  ].join('\n');
}

export function resultDocument(
  options: RegistryBenchOptions,
  versions: Record<string, string>,
  figures: readonly CellFigures[],
  failures: string[],
): string {
  const document = {
    at: new Date().toISOString(),
    machine: { cpus: cpus().length, model: cpus()[0]?.model, memoryBytes: totalmem(), node: process.version },
    ...{ options, versions },
    verdicts: figures.flatMap(verdictsOf),
    failures,
    cells: figures.map(({ cell, rounds }) => ({ name: cell.name, rounds })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function ratioOf(read: (measured: Measured) => number): (round: Round) => number {
  return ({ ours, peer }) => read(ours) / (peer ? read(peer) : Number.NaN);
}

function rowsOf(figures: CellFigures): string[][] {
  const { cell, rounds } = figures;
  const pair = (read: (measured: Measured) => number | undefined, digits: number) => {
    const value = (measured: Measured | undefined) => (measured && read(measured)) ?? Number.NaN;
    const peer = median(rounds.map((round) => value(round.peer)));
    return `${text(peer, digits)} | ${text(median(rounds.map((round) => value(round.ours))), digits)}`;
  };
  const ratios = rounds.map(ratioOf((measured) => measured.rate));
  const cpuRatio = median(rounds.map(ratioOf((measured) => measured.cpuMs + measured.databaseCpuMs)));
  const database = median(rounds.map(({ ours }) => ours.databaseCpuMs));
  const bars = verdictsOf(figures).map(
    ({ of, bar, standing }) => `${of} ${bar.must}/${bar.goal}: ${standing}`,
  );
  const row = [
    cell.name,
    pair(({ rate }) => rate, 0),
    text(median(ratios), 2),
    text(Math.min(...ratios), 2),
    text(Math.max(...ratios), 2),
    pair(({ p50Ms }) => p50Ms, 1),
    pair(({ p99Ms }) => p99Ms, 1),
    `${pair(({ cpuMs }) => cpuMs, 2)} (+${text(database, 2)})`,
    text(cpuRatio, 2),
    pair(({ peakMiB }) => peakMiB, 0),
    bars.join(', '),
  ];
  if (cell.kind !== 'mixed') return [row];
  const beside = (name: string, read: (measured: Measured) => number | undefined) => {
    return [`  ${name}`, '', '', '', '', '', pair(read, 1), '', '', '', ''];
  };
  return [
    row,
    beside('manifests meanwhile', ({ manifestP99Ms }) => manifestP99Ms),
    beside('health meanwhile', ({ healthP99Ms }) => healthP99Ms),
  ];
}

function text(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : '–';
}

function align(rows: string[][]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 || column === row.length - 1
          ? cell.padEnd(widths[column] ?? 0)
          : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}
