import { writeFileSync } from 'node:fs';

import { z } from 'zod';

import { Random } from '../support/random';
import { LOSSES } from './disk-model';
import { RecordedDisk } from './recorded-disk';

const PLAN = z.object({
  root: z.string(),
  /** Where what is left is put; beside it, with `.error` behind, why that could not be done. */
  target: z.string(),
  seed: z.number(),
  cutAt: z.number().optional(),
  ignore: z.enum(['files', 'folders']).optional(),
});
export type PowerCutPlan = z.infer<typeof PLAN>;

/** Loaded into a process of the product with `--require`: it dies with what the disk had not been made to keep; SIGUSR2 does it now. */
function prepare({ root, target, seed, cutAt, ignore }: PowerCutPlan): void {
  const random = new Random(seed);
  const disk = new RecordedDisk({
    ...{ root, cutAt, ignore },
    onCut: () => {
      try {
        disk.rebuild(target, random, random.pick(LOSSES));
      } catch (error) {
        writeFileSync(`${target}.error`, String(error));
      }
      process.kill(process.pid, 'SIGKILL');
    },
  });
  process.on('SIGUSR2', () => disk.cut());
}

const text = process.env.TEST_POWER_CUT;
if (text !== undefined) prepare(PLAN.parse(JSON.parse(text)));
