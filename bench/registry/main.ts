import 'reflect-metadata';

import { existsSync, mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';

import { atEndOfRun } from '../../test/support/cleanup';
import { runProgram } from '../../test/support/run-program';
import type { Cell } from './cells';
import { chosenCells } from './cells';
import { findDistribution, startDistribution } from './distribution-side';
import type { Ground } from './ground';
import { layGround } from './ground';
import { measureCell } from './measure';
import type { RegistryBenchOptions } from './options';
import { readOptions, USAGE } from './options';
import type { CellFigures } from './report';
import { judge, renderReport, resultDocument } from './report';
import type { Side } from './side';
import { slipwayIsMissing, startSlipway } from './slipway-side';

/** The type of a file system that lives in memory. */
const TMPFS = 0x01021994;
const WARM_UP_MS = 2000;

interface Field {
  peer: Side;
  ours: Side;
  ground: Ground;
}

async function run(options: RegistryBenchOptions): Promise<number> {
  useFolder(options.folder);
  const cells = chosenCells(options);
  if (cells.length === 0) throw new Error('no cell has such a name');
  const field = await prepare(options, cells);
  const figures: CellFigures[] = cells.map((cell) => ({ cell, rounds: [] }));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const each of figures) await measureBoth(field, each, { round, options });
    say(`round ${round + 1} of ${options.rounds} is over`);
  }
  console.log(`\n${renderReport(figures)}\n`);
  const failures = judge(figures, options);
  for (const failure of failures) console.log(`✘ ${failure}`);
  const versions = { distribution: field.peer.version, slipway: field.ours.version };
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, resultDocument(options, versions, figures, failures));
  const outcome = failures.length > 0 ? 'missed' : options.quick ? 'no verdict from a quick run' : 'met';
  say(`${outcome}; figures in ${options.json}`);
  return failures.length > 0 ? 1 : 0;
}

async function prepare({ processes, quick, seconds }: RegistryBenchOptions, cells: Cell[]): Promise<Field> {
  say('starting distribution, a database and Slipway');
  const peer = await startDistribution(await findDistribution());
  atEndOfRun(() => peer.stop());
  const ours = await startSlipway(processes);
  atEndOfRun(() => ours.stop());
  say(`${peer.version} at ${peer.port}; Slipway on ${ours.version} at ${ours.port}; filling both`);
  const ground = await layGround([peer, ours], cells);
  say('warming up');
  const ms = Math.min(WARM_UP_MS, seconds * 1000);
  for (const cell of cells) {
    // Compiles what the small cells run; the large ones run the same code.
    if (cell.kind === 'mixed' || ('sizeBytes' in cell && cell.clients > 4)) continue;
    for (const side of sidesOf(cell, [peer, ours])) {
      await measureCell({ side, ground, cell, ms: ms / 2, quick });
    }
  }
  return { peer, ours, ground };
}

/** Who goes first changes from round to round, so that no side always meets a warmer machine. */
async function measureBoth(
  { peer, ours, ground }: Field,
  { cell, rounds }: CellFigures,
  { round, options }: { round: number; options: RegistryBenchOptions },
): Promise<void> {
  const order = sidesOf(cell, round % 2 === 0 ? [peer, ours] : [ours, peer]);
  const found = new Map<Side, Awaited<ReturnType<typeof measureCell>>>();
  const { quick, seconds } = options;
  for (const side of order) {
    found.set(side, await measureCell({ side, ground, cell, ms: seconds * 1000, quick }));
  }
  const [mine, theirs] = [found.get(ours), found.get(peer)];
  if (!mine) throw new Error('a cell was not measured');
  rounds.push({ ours: mine, ...(theirs && { peer: theirs }) });
  const ratio = theirs ? `, ratio ${(mine.rate / theirs.rate).toFixed(2)}` : '';
  say(`${cell.name}: ${theirs ? `${theirs.rate.toFixed(0)} | ` : ''}${mine.rate.toFixed(0)}${ratio}`);
}

function sidesOf(cell: Cell, sides: readonly Side[]): Side[] {
  return sides.filter((side) => cell.kind !== 'token' || side.tokenRequest !== undefined);
}

/** Everything that is started keeps its bytes there. */
function useFolder(folder: string | undefined): void {
  if (folder !== undefined) {
    mkdirSync(folder, { recursive: true });
    process.env.TMPDIR = resolve(folder);
  }
  if (statfsSync(tmpdir()).type === TMPFS) {
    throw new Error(
      `${tmpdir()} is in memory, where fsync costs nothing: name a folder on a disk with --folder`,
    );
  }
}

function say(line: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);
}

runProgram({
  usage: USAGE,
  readOptions,
  needs: 'the bench reads /proc, as Linux has it, and runs the built product',
  whyMissing: () => (existsSync('/proc/self/clear_refs') ? slipwayIsMissing() : 'there is no /proc'),
  run,
});
