import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run bench:registry -- [options]

Pushes and pulls blobs and asks for manifests, tags and tokens, in turn of distribution 3.1.2 (the reference registry, built
with Go into the user's cache; Debian's docker-registry where there is no Go) and of Slipway, side by side on the same disk.
Slipway runs as it ships: authentication, permissions, the database and fsync on; the other side without authentication and
access log. It starts everything it needs and ends it again.

  --rounds <n>     rounds, in each of which both sides run every cell; 5 by default, at least 5 for a verdict
  --seconds <n>    how long a cell of small requests or blobs lasts; 3 by default
  --cells <words>  only cells whose name contains one of these words, separated by commas
  --processes <n>  processes of serve; one for each core by default
  --folder <path>  where both sides keep their bytes; the temporary folder by default
  --quick          three short rounds without what moves 1 GiB at a time: some two minutes, no verdict
  --json <file>    where the figures go; bench/registry/result.json by default
  --help

Exit codes: 0 the bars are met (or --quick went through), 1 a bar is missed or a request failed, 2 wrong usage.`;

export interface RegistryBenchOptions {
  rounds: number;
  /** Seconds of one cell on one side. */
  seconds: number;
  /** Words, one of which must be in the name of a cell; all cells when empty. */
  cells: string[];
  /** As many as serve itself chooses when undefined. */
  processes: number | undefined;
  folder: string | undefined;
  quick: boolean;
  json: string;
}

/** Undefined when only help is wanted; throws with a sentence for whoever typed it. */
export function readOptions(args: string[]): RegistryBenchOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      cells: { type: 'string', default: '' },
      processes: { type: 'string' },
      folder: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string', default: 'bench/registry/result.json' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick, json, folder } = values;
  return {
    rounds: whole('rounds', values.rounds, quick ? 3 : 5),
    seconds: positive('seconds', values.seconds, quick ? 0.4 : 3),
    cells: values.cells.split(',').filter(Boolean),
    processes: values.processes === undefined ? undefined : whole('processes', values.processes, 1),
    folder,
    quick,
    json,
  };
}

function whole(name: string, given: string | undefined, otherwise: number): number {
  const value = positive(name, given, otherwise);
  if (!Number.isInteger(value)) throw new Error(`--${name} takes a whole number, not "${given}"`);
  return value;
}

function positive(name: string, given: string | undefined, otherwise: number): number {
  const value = given === undefined ? otherwise : Number(given);
  if (!(value > 0 && value <= 1000)) throw new Error(`--${name} takes a number above 0, not "${given}"`);
  return value;
}
