import { Writable } from 'node:stream';

import { pino } from 'pino';

import type { Logger } from '../../telemetry/logger';

interface LogLine {
  level: number;
  msg: string;
  requestId?: string;
  unlogged?: number;
}

export interface KeptLog {
  logger: Logger;
  /** Those of the level error. */
  errors: () => LogLine[];
}

/** A logger whose lines a test looks at. */
export function keepLog(): KeptLog {
  const lines: LogLine[] = [];
  const sink = new Writable({
    write(line: Buffer, _encoding, done) {
      lines.push(JSON.parse(line.toString()) as LogLine);
      done();
    },
  });
  return {
    logger: pino({ level: 'info' }, sink),
    errors: () => lines.filter(({ level }) => level >= 50),
  };
}
