/** The database is away, frozen, full, too busy or only to be read: the statement may be fine, and worth another try later. */
export class DatabaseOutageError extends Error {
  /** The driver's or server's own name of the trouble. */
  readonly code: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DatabaseOutageError';
    this.code = code;
  }
}

/** What the network, the driver and the server say when they cannot do their work now. */
const CODES = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'PROTOCOL_CONNECTION_LOST'],
  ...['ER_CON_COUNT_ERROR', 'ER_TOO_MANY_USER_CONNECTIONS', 'ER_USER_LIMIT_REACHED', 'ER_OUT_OF_RESOURCES'],
  ...['ER_SERVER_SHUTDOWN', 'ER_NORMAL_SHUTDOWN', 'ER_CONNECTION_KILLED', 'ER_QUERY_INTERRUPTED'],
  ...['ER_DISK_FULL', 'ER_RECORD_FILE_FULL', 'ER_ERROR_ON_WRITE', 'ER_ERROR_DURING_COMMIT', 'ER_GET_ERRNO'],
  ...['ER_OPTION_PREVENTS_STATEMENT', 'ER_READ_ONLY_MODE', 'ER_OPEN_AS_READONLY'],
  // What `runAct` could not get past by repeating.
  ...['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_CHECKREAD'],
]);

/** Errors of the driver that have no code. */
const MESSAGES = /closed state|connection lost|server has gone away/i;

/** An error of the driver, under its own type when it tells of an outage. */
export function toOutage(error: Error): Error {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (!CODES.has(code) && !MESSAGES.test(error.message)) return error;
  return new DatabaseOutageError(error.message || code, code, { cause: error });
}

/** True when the database could not do its work at that moment. */
export function isDatabaseOutage(error: unknown): boolean {
  if (error instanceof DatabaseOutageError) return true;
  // What TypeORM makes of it.
  return error instanceof Error && 'driverError' in error && error.driverError instanceof DatabaseOutageError;
}
