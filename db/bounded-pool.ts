import mysql2 from 'mysql2';
import type { Pool, PoolConnection, PoolOptions } from 'mysql2';

import { DatabaseOutageError, toOutage } from './outage';

export interface PoolLimits {
  /** Statements that may wait for a connection; one more is refused at once. */
  waiting: number;
  /** How long one waits for a connection. */
  acquireMs: number;
  /** How long the server may take for one statement; its connection is given up then, which rolls its transaction back. */
  statementMs: number;
  /** How long a statement waits for a row that another transaction holds. */
  lockWaitS: number;
}

/** How long closing waits for statements that are under way: whoever closes has nothing left to ask. */
const CLOSE_MS = 2_000;

type Done = (error: Error | null, ...rest: unknown[]) => void;

/**
 * mysql2 as TypeORM takes it, with pools on which nobody waits for ever: neither for a connection nor for a server that
 * has stopped answering (performance spec 6). Outages come out as `DatabaseOutageError`.
 */
export function boundedMysql(limits: PoolLimits): Pick<typeof mysql2, 'createPool'> {
  return {
    ...mysql2,
    createPool: (options: PoolOptions | string) => {
      const asked = typeof options === 'string' ? { uri: options } : options;
      // A stack trace made for each statement would be thrown away for all but those that fail.
      return bound(mysql2.createPool({ ...asked, queueLimit: limits.waiting, trace: false }), limits);
    },
  };
}

function bound(pool: Pool, limits: PoolLimits): Pool {
  const acquire = pool.getConnection.bind(pool);
  // Everything else of a pool goes through this method.
  pool.getConnection = (done) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      done(outage(`no connection to the database was free within ${limits.acquireMs / 1000} s`), NONE);
    }, limits.acquireMs);
    acquire((error, connection) => {
      clearTimeout(timer);
      if (!isLate) done(error && refusal(error, limits), connection);
      else if (!error) connection.release();
    });
  };
  const close = pool.end.bind(pool);
  pool.end = (done: (error: NodeJS.ErrnoException | null) => void = () => undefined) => {
    // A connection whose server is silent never comes to say goodbye, and a process would wait for it for ever.
    const timer = setTimeout(done, CLOSE_MS, null);
    close((error) => {
      clearTimeout(timer);
      done(error);
    });
  };
  pool.on('connection', (connection) => {
    boundStatements(connection, limits);
    connection.query(`SET SESSION innodb_lock_wait_timeout = ${limits.lockWaitS}`, () => undefined);
    // Once for each connection in place of once for each transaction (temporal spec 9).
    connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', () => undefined);
  });
  return pool;
}

/** What a callback gets that is told of an error. */
const NONE = undefined as unknown as PoolConnection;

function refusal(error: Error, { waiting }: PoolLimits): Error {
  if (error.message !== 'Queue limit reached.') return toOutage(error);
  return outage(`${waiting} statements wait for a connection to the database already`);
}

/** The driver's own limit leaves a silent connection in the pool, and does not count while a statement is prepared. */
function boundStatements(connection: PoolConnection, { statementMs }: PoolLimits): void {
  for (const name of ['query', 'execute'] as const) {
    // Overloaded beyond what a type can say; the callback is always the last argument.
    const run = connection[name].bind(connection) as (...args: unknown[]) => unknown;
    const limited = (...args: unknown[]): unknown => {
      const done = args.at(-1);
      if (typeof done !== 'function') return run(...args);
      const isOver = { value: false };
      const timer = setTimeout(() => {
        isOver.value = true;
        connection.destroy();
        (done as Done)(outage(`the database did not answer within ${statementMs / 1000} s`));
      }, statementMs);
      const ended: Done = (error, ...rest) => {
        clearTimeout(timer);
        if (!isOver.value) (done as Done)(error && toOutage(error), ...rest);
      };
      return run(...args.slice(0, -1), ended);
    };
    Object.assign(connection, { [name]: limited });
  }
}

function outage(message: string): DatabaseOutageError {
  return new DatabaseOutageError(message, 'DATABASE_TIMEOUT');
}
