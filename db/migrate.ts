import type { DataSource } from 'typeorm';

import { withNamedLock } from './named-lock';

const LOCK_WAIT_S = 120;

/**
 * Brings the schema up to date; safe to repeat and to run from several processes at once: a named lock of the server
 * lets one of them work while the others wait and then find nothing to do. Answers the names of what it ran.
 */
export async function migrate(dataSource: DataSource): Promise<string[]> {
  const ran = await withNamedLock(dataSource, 'migrate', LOCK_WAIT_S, () =>
    dataSource.runMigrations({ transaction: 'none' }),
  );
  return ran.map((migration) => migration.name);
}

/** Names of the migrations that have not run; writes nothing. */
export async function pendingMigrations(dataSource: DataSource): Promise<string[]> {
  const known = dataSource.migrations.map((migration) => migration.name ?? migration.constructor.name);
  try {
    const rows = await dataSource.query<{ name: string }[]>(`SELECT name FROM migrations`);
    const ran = new Set(rows.map(({ name }) => name));
    return known.filter((name) => !ran.has(name));
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ER_NO_SUCH_TABLE') return known;
    throw error;
  }
}
