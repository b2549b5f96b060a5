import 'reflect-metadata';

import { DataSource } from 'typeorm';

import type { Config } from '../config/schema';
import { ENTITIES } from './entities/all';
import { MIGRATIONS } from './migrations/all';
import { SnakeCaseNaming } from './naming-strategy';
import { installSealingKey } from './sealing';

export type DatabaseConfig = Pick<Config, 'DATABASE_URL' | 'DATABASE_SECRET_KEY' | 'DATABASE_POOL_SIZE'>;

/** A pool that is not connected yet; one per process, made by its composition root. */
export function createDataSource(config: DatabaseConfig): DataSource {
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
    entities: ENTITIES,
    migrations: MIGRATIONS,
    migrationsTransactionMode: 'none',
    namingStrategy: new SnakeCaseNaming(),
    synchronize: false,
    logging: false,
  });
}
