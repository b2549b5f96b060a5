import 'reflect-metadata';

import { DataSource } from 'typeorm';

import type { Config } from '../config/schema';
import type { PoolLimits } from './bounded-pool';
import { boundedMysql } from './bounded-pool';
import { ENTITIES } from './entities/all';
import { MIGRATIONS } from './migrations/all';
import { SnakeCaseNaming } from './naming-strategy';
import { installSealingKey } from './sealing';

export type DatabaseConfig = Pick<Config, 'DATABASE_URL' | 'DATABASE_SECRET_KEY' | 'DATABASE_POOL_SIZE'>;

/** For processes that answer requests: a client is better told to come back than left waiting. */
const LIMITS: PoolLimits = { waiting: 1000, acquireMs: 5_000, statementMs: 15_000, lockWaitS: 5 };

/** For processes whose work is repeated by Temporal or typed by an operator, and may ask for much at once. */
export const PATIENT_LIMITS: PoolLimits = {
  ...LIMITS,
  acquireMs: 30_000,
  statementMs: 60_000,
  lockWaitS: 10,
};

/** A pool that is not connected yet; one per process, made by its composition root. */
export function createDataSource(config: DatabaseConfig, limits: Partial<PoolLimits> = {}): DataSource {
  installSealingKey(config.DATABASE_SECRET_KEY);
  const url = new URL(config.DATABASE_URL);
  return new DataSource({
    type: 'mysql',
    host: url.hostname,
    port: Number(url.port || 3306),
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    bigNumberStrings: false,
    poolSize: config.DATABASE_POOL_SIZE,
    connectTimeout: 10_000,
    driver: boundedMysql({ ...LIMITS, ...limits }),
    entities: ENTITIES,
    migrations: MIGRATIONS,
    migrationsTransactionMode: 'none',
    namingStrategy: new SnakeCaseNaming(),
    synchronize: false,
    logging: false,
  });
}
