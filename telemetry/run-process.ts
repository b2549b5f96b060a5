import type { Logger } from './logger';

/**
 * Runs a process until its work ends: SIGTERM and SIGINT ask it to, a second one ends it at once. Whatever it throws is
 * logged and becomes a non-zero exit code, so that its supervisor starts it again.
 */
export async function runProcess(
  logger: Logger,
  work: (stopping: AbortSignal) => Promise<void>,
): Promise<void> {
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(130);
      logger.info({ signal }, 'stopping');
      stopping.abort();
    });
  }
  try {
    await work(stopping.signal);
    process.exitCode = 0;
  } catch (err) {
    logger.error({ err }, 'the process ends because of an error');
    process.exitCode = 1;
  }
  // Pools and sockets that are still open must not keep a process alive whose work is over.
  process.exit();
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
