import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run bench:pipeline -- [options]

Builds and pushes images of unique content, in turn through Slipway and directly through dockerode, with the same engine
and into the same registry, and times how soon a webhook call leads to the first line of the clone. It starts everything
it needs (database, Temporal, engine, the product as processes of dist/) and ends it again.

  --pairs <n>     pairs of builds; 5 by default, at least 5 for a verdict
  --seconds <n>   how long a direct build should last; 24 by default, at least 20 for a verdict
  --samples <n>   webhook calls that are timed to the first line of the clone; 20 by default
  --fresh         a new repository for each build, so that the layers of the base image have to get there too
  --quick         2 pairs of builds of a few seconds and 5 calls: tries the bench itself, gives no verdict
  --json <file>   where the figures go; bench/pipeline/result.json by default
  --help

Exit codes: 0 the bars are met (or --quick went through), 1 a bar is missed or a run is not valid, 2 wrong usage.`;

export interface BenchOptions {
  pairs: number;
  /** Seconds that a direct build should last. */
  seconds: number;
  samples: number;
  fresh: boolean;
  quick: boolean;
  json: string;
}

/** Undefined when only help is wanted; throws with a sentence for whoever typed it. */
export function readOptions(args: string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      pairs: { type: 'string' },
      seconds: { type: 'string' },
      samples: { type: 'string' },
      fresh: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      json: { type: 'string', default: 'bench/pipeline/result.json' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick, fresh, json } = values;
  return {
    pairs: whole('pairs', values.pairs, quick ? 2 : 5),
    seconds: whole('seconds', values.seconds, quick ? 5 : 24),
    samples: whole('samples', values.samples, quick ? 5 : 20),
    fresh,
    quick,
    json,
  };
}

function whole(name: string, given: string | undefined, otherwise: number): number {
  if (given === undefined) return otherwise;
  if (!/^[1-9]\d{0,3}$/.test(given)) throw new Error(`--${name} takes a whole number, not "${given}"`);
  return Number(given);
}
