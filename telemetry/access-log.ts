import { pino } from 'pino';

import type { Config } from '../config/schema';

/** One request that has ended, one way or the other. */
export interface AccessEntry {
  requestId: string;
  address: string | null;
  method: string;
  /** As the client wrote it, without the query: that may hold codes out of mails. */
  path: string;
  /** `cut` when the answer did not reach its end. */
  status: number | 'cut';
  durationMs: number;
  receivedBytes: number;
  sentBytes: number;
}

/** Pipes take this much in one piece, so that lines of several processes never mix (pipe(7), PIPE_BUF). */
const WRITE_BYTES = 4096;
const FLUSH_EVERY_MS = 500;
/** Beyond this, lines are dropped: a reader that has stopped must not take the memory of a registry. */
const LONGEST_BACKLOG_BYTES = 1024 ** 2;

/** Characters of JSON text that stand for themselves. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

export interface AccessLog {
  write(entry: AccessEntry): void;
}

/**
 * The lines `request` of a process, of level info, on standard output beside the others: put together by hand and written in
 * batches, as they are by far the most (performance spec 5). Undefined where the level leaves them out.
 */
export function createAccessLog(
  config: Pick<Config, 'LOG_LEVEL'>,
  fields: Record<string, string | number>,
  fd = 1,
): AccessLog | undefined {
  if (!['trace', 'debug', 'info'].includes(config.LOG_LEVEL)) return undefined;
  const sink = pino.destination({
    ...{ fd, sync: false, minLength: WRITE_BYTES / 2, maxWrite: WRITE_BYTES },
    ...{ periodicFlush: FLUSH_EVERY_MS, maxLength: LONGEST_BACKLOG_BYTES },
  });
  // Whoever read them has gone: that is no reason to stop serving.
  sink.on('error', () => undefined);
  process.on('exit', () => {
    try {
      sink.flushSync();
    } catch {
      // There is nobody to tell any more.
    }
  });
  const middle = `","${JSON.stringify(fields).slice(2, -1)}`;
  return { write: (entry) => void sink.write(lineOf(entry, middle)) };
}

function lineOf(entry: AccessEntry, middle: string): string {
  const { requestId, address, method, path, status, durationMs, receivedBytes, sentBytes } = entry;
  return (
    `{"level":30,"time":"${new Date().toISOString()}${middle},"requestId":"${requestId}",` +
    `"address":${address === null ? 'null' : quoted(address)},"method":"${method}","path":${quoted(path)},` +
    `"status":${status === 'cut' ? '"cut"' : status},"durationMs":${durationMs.toFixed(1)},` +
    `"receivedBytes":${receivedBytes},"sentBytes":${sentBytes},"msg":"request"}\n`
  );
}

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
