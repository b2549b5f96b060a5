import { createConnection } from 'mysql2/promise';
import type { DataSource } from 'typeorm';

import { createDataSource } from '../../db/data-source';
import { migrate } from '../../db/migrate';
import { atEndOfRun } from './cleanup';
import type { DatabaseServer } from './mariadb';
import { mariadb } from './mariadb';

export const TEST_SECRET_KEY = 'a key for tests only';

let counter = 0;
let shared: Promise<DataSource> | undefined;

/** A new, empty database on the private MariaDB, or on the one given; its URL. */
export async function emptyDatabase(own?: DatabaseServer): Promise<string> {
  const server = own ?? (await mariadb());
  const name = `slipway_${process.pid}_${(counter += 1)}`;
  const connection = await createConnection(server.url('mysql'));
  await connection.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  await connection.end();
  return server.url(name);
}

/** A connected pool on a new database, with the schema; the caller destroys it. */
export async function freshDatabase(poolSize = 10): Promise<DataSource> {
  const dataSource = createDataSource({
    DATABASE_URL: await emptyDatabase(),
    DATABASE_SECRET_KEY: TEST_SECRET_KEY,
    DATABASE_POOL_SIZE: poolSize,
  });
  await dataSource.initialize();
  await migrate(dataSource);
  return dataSource;
}

/** One migrated database for all tests that only add rows under names of their own. */
export function sharedDatabase(): Promise<DataSource> {
  shared ??= freshDatabase().then((dataSource) => {
    atEndOfRun(() => dataSource.destroy());
    return dataSource;
  });
  return shared;
}
