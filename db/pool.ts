import type { Pool, PoolConnection, QueryResult, RowDataPacket } from 'mysql2';
import type { DataSource, EntityManager } from 'typeorm';
import type { MysqlDriver } from 'typeorm/driver/mysql/MysqlDriver.js';

type Value = string | number | null | Buffer;

/** Prepared statements on the pool below TypeORM, for the hot paths of `registry/` (performance spec 6). */
export interface PreparedPool {
  select<Row>(sql: string, values: Value[]): Promise<Row[]>;
}

export function preparedPool(dataSource: DataSource): PreparedPool {
  let pool: Pool | undefined;
  return {
    select<Row>(sql: string, values: Value[]) {
      return new Promise<Row[]>((resolve, reject) => {
        // The driver makes its mysql2 pool when the data source connects, and types it as any.
        pool ??= (dataSource.driver as MysqlDriver).pool as Pool;
        pool.execute<RowDataPacket[]>(sql, values, (error, rows) => {
          if (error) reject(error);
          else resolve(rows as Row[]);
        });
      });
    },
  };
}

export interface PoolUse {
  open: number;
  idle: number;
  /** Statements that wait for a connection. */
  waiting: number;
}

/** What the pool of a connected data source does at the moment. */
export function poolUse(dataSource: DataSource): PoolUse {
  const pool: unknown = (dataSource.driver as MysqlDriver).pool;
  if (!hasQueues(pool)) return { open: 0, idle: 0, waiting: 0 };
  const { _allConnections: all, _freeConnections: free, _connectionQueue: queue } = pool;
  return { open: all.length, idle: free.length, waiting: queue.length };
}

/** The driver tells of these only by their names in its code. */
interface Queues {
  _allConnections: { length: number };
  _freeConnections: { length: number };
  _connectionQueue: { length: number };
}

function hasQueues(pool: unknown): pool is Queues {
  return typeof pool === 'object' && pool !== null && '_allConnections' in pool;
}

/**
 * A statement of the steps of a push, on the connection of the manager's transaction and past TypeORM, which takes longer over it
 * than the server does. Prepared once for each connection, so its text must not vary.
 */
export async function execute<Result>(manager: EntityManager, sql: string, values: Value[]): Promise<Result> {
  const { queryRunner } = manager;
  if (!queryRunner) return manager.query<Result>(sql, values);
  const connection = (await queryRunner.connect()) as PoolConnection;
  return new Promise((resolve, reject) => {
    connection.execute<QueryResult & Result>(sql, values, (error, result) => {
      if (error) reject(error);
      else resolve(result);
    });
  });
}

/**
 * The next power of two, for the text of a prepared statement: the server keeps each text of each connection, and runs
 * out of room for them when texts vary with what clients ask. The caller cuts what is too much.
 */
export function statementLimit(limit: number): string {
  return String(2 ** Math.ceil(Math.log2(limit)));
}
