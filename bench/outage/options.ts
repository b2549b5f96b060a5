import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run bench:outage -- [options]

Pushes manifests and calls webhooks of the real product at a steady pace, first with Temporal, then with Temporal stopped,
and starts Temporal again: half of what waited is relayed by one relay, the rest by two, one of which is killed towards the
end. Then it holds receivers, Temporal and the database against each other: everything once, and in order.

  --minutes <n>    how long Temporal is away; 10 by default
  --pushes <n>     manifests that are pushed meanwhile; 5000 by default
  --webhooks <n>   webhook calls meanwhile; 500 by default
  --before <n>     minutes at the same pace before; 4 by default
  --projects <n>   repositories with a trigger each; 12 by default
  --quick          half a minute down with 250 pushes and 24 calls: tries the bench itself, gives no verdict
  --json <file>    where the figures go; bench/outage/result.json by default
  --help

Exit codes: 0 the bars are met (or --quick went through), 1 a bar is missed or something was lost or doubled, 2 wrong usage.`;

export interface OutageOptions {
  minutes: number;
  pushes: number;
  webhooks: number;
  before: number;
  projects: number;
  quick: boolean;
  json: string;
}

/** Undefined when only help is wanted; throws with a sentence for whoever typed it. */
export function readOptions(args: string[]): OutageOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string' },
      pushes: { type: 'string' },
      webhooks: { type: 'string' },
      before: { type: 'string' },
      projects: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string', default: 'bench/outage/result.json' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick, json } = values;
  return {
    minutes: positive('minutes', values.minutes, quick ? 0.5 : 10),
    pushes: positive('pushes', values.pushes, quick ? 250 : 5000),
    webhooks: positive('webhooks', values.webhooks, quick ? 24 : 500),
    before: positive('before', values.before, quick ? 0.25 : 4),
    projects: positive('projects', values.projects, quick ? 3 : 12),
    quick,
    json,
  };
}

function positive(name: string, given: string | undefined, otherwise: number): number {
  const value = given === undefined ? otherwise : Number(given);
  if (!(value > 0 && value <= 100_000)) throw new Error(`--${name} takes a number above 0, not "${given}"`);
  return value;
}
