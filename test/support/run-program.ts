import { runEndTasks } from './cleanup';

export interface Program<Options> {
  usage: string;
  /** Undefined when only help is wanted; throws with a sentence for whoever typed it. */
  readOptions: (args: string[]) => Options | undefined;
  /** What the machine must have, as the beginning of a sentence that `whyMissing` ends where it has not. */
  needs: string;
  whyMissing: () => string | undefined;
  /** Answers the exit code. */
  run: (options: Options) => Promise<number>;
}

/**
 * Runs a program that starts servers of its own, a bench or a campaign, and ends the process with its exit code: 2 for wrong
 * usage, 1 where it cannot run. Whatever it started ends with it, also when it throws or is told to stop: SIGINT, SIGTERM.
 */
export function runProgram<Options>(program: Program<Options>): void {
  let ended: Promise<void> | undefined;
  // A signal and the failure that it causes both want the end.
  const end = (code: number) => {
    ended ??= runEndTasks();
    void ended.finally(() => process.exit(code));
  };
  process.once('SIGINT', () => end(130));
  process.once('SIGTERM', () => end(143));
  const fail = (error: unknown) => {
    console.error(error);
    end(1);
  };
  process.once('uncaughtException', fail);
  runAsAsked(program).then(end, fail);
}

async function runAsAsked<Options>(program: Program<Options>): Promise<number> {
  const { usage, readOptions, needs, whyMissing, run } = program;
  let options: Options | undefined;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  if (!options) {
    console.log(usage);
    return 0;
  }
  const missing = whyMissing();
  if (missing !== undefined) {
    console.error(`${needs}: ${missing}`);
    return 1;
  }
  return run(options);
}
