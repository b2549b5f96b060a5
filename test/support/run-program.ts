import { runEndTasks } from './cleanup';

/**
 * Runs a program that starts servers of its own, a bench or a campaign, and ends the process with its exit code. Whatever
 * it started ends with it, also when it throws or is told to stop: SIGINT, SIGTERM.
 */
export function runProgram(main: () => Promise<number>): void {
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
  main().then(end, fail);
}
