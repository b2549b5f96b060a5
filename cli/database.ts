import type { DataSource } from 'typeorm';

import type { Config } from '../config/schema';
import { createDataSource, PATIENT_LIMITS } from '../db/data-source';
import { CommandError } from './command';

/** Connects for one command and closes again, whatever its outcome. */
export async function withDatabase<T>(
  config: Config,
  work: (dataSource: DataSource) => Promise<T>,
): Promise<T> {
  // A migration may rewrite a large table.
  const limits = { ...PATIENT_LIMITS, statementMs: 24 * 3600_000 };
  const dataSource = createDataSource({ ...config, DATABASE_POOL_SIZE: 2 }, limits);
  try {
    await dataSource.initialize();
  } catch (cause) {
    throw new CommandError(`the database cannot be reached: ${reasonOf(cause)}`, { cause });
  }
  try {
    return await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

/** One line of what went wrong; some drivers leave the message empty and say it in the code. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  const text = error.message || (typeof code === 'string' ? code : error.name);
  return text.split('\n')[0] ?? text;
}
