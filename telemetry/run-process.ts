import type { Logger } from './logger';

/** What the signals of a supervisor ask of a process. */
export interface ShutdownSignals {
  /** Aborts at the first SIGTERM or SIGINT: take nothing new, finish or hand over what is under way. */
  stopping: AbortSignal;
  /** Aborts at the second: hand over now. A third ends the process at once. */
  hurrying: AbortSignal;
}

/**
 * Runs a process until its work ends, which SIGTERM and SIGINT ask for, or whatever `onStop` listens to. What the work throws is
 * logged and becomes a non-zero exit code, so that its supervisor starts it again.
 */
export async function runProcess(
  logger: Logger,
  work: (signals: ShutdownSignals) => Promise<void>,
  onStop: (stop: (signal: string) => void) => void = onSignals,
): Promise<void> {
  const stopping = new AbortController();
  const hurrying = new AbortController();
  onStop((signal) => {
    if (hurrying.signal.aborted) process.exit(130);
    logger.info({ signal }, stopping.signal.aborted ? 'stopping in a hurry' : 'stopping');
    (stopping.signal.aborted ? hurrying : stopping).abort();
  });
  try {
    await work({ stopping: stopping.signal, hurrying: hurrying.signal });
    process.exitCode = 0;
  } catch (err) {
    logger.error({ err }, 'the process ends because of an error');
    process.exitCode = 1;
  }
  // Pools and sockets that are still open must not keep a process alive whose work is over. Log lines are written
  // synchronously, so none is lost.
  process.exit();
}

function onSignals(stop: (signal: string) => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
}

/** Starts a process; what stops it before it has a logger (its configuration, its arguments) is told without a stack. */
export async function startMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
