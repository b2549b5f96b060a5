import type { FirstLine } from './through-slipway';
import { pushTree, timeFirstLine } from './through-slipway';
import type { Ground } from './pairs';
import { untilQuiet } from './quiet';
import { createSide } from './sides';

/** Calls the webhook of a tiny source again and again, each time when nothing else is under way. */
export async function timeFirstLines({ made }: Ground, samples: number): Promise<FirstLine[]> {
  const side = await createSide(made);
  const times: FirstLine[] = [];
  try {
    // The first one, not counted, finds everything cold.
    for (let sample = 0; sample <= samples; sample += 1) {
      const tree = { Dockerfile: 'FROM scratch\nCOPY marker /marker\n', marker: `${sample}\n` };
      const commit = pushTree(side, tree);
      await untilQuiet(made);
      const { sinceCallMs, sinceAnswerMs } = await timeFirstLine(made, side, commit);
      if (sample > 0) times.push({ sinceCallMs, sinceAnswerMs });
    }
    await untilQuiet(made);
  } finally {
    await side.project.dispose();
  }
  return times;
}
