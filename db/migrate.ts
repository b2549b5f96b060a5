import type { DataSource } from 'typeorm';

const LOCK = 'slipway:migrate';
const LOCK_WAIT_S = 120;

/**
 * Brings the schema up to date; safe to repeat and to run from several processes at once: a named lock of the server
 * lets one of them work while the others wait and then find nothing to do. Answers the names of what it ran.
 */
export async function migrate(dataSource: DataSource): Promise<string[]> {
  // The lock belongs to a connection, so it is taken on one that stays ours until the end.
  const holder = dataSource.createQueryRunner();
  try {
    const [row] = (await holder.query(`SELECT GET_LOCK(?, ?) AS taken`, [LOCK, LOCK_WAIT_S])) as {
      taken: unknown;
    }[];
    if (Number(row?.taken) !== 1) throw new Error(`another migration has held the lock for ${LOCK_WAIT_S} s`);
    const ran = await dataSource.runMigrations({ transaction: 'none' });
    await holder.query(`SELECT RELEASE_LOCK(?)`, [LOCK]);
    return ran.map((migration) => migration.name);
  } finally {
    await holder.release();
  }
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
