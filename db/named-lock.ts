import type { DataSource } from 'typeorm';

/**
 * Runs `work` while no other process that uses the same database is in a part of the same name. The lock is that of a
 * connection, so it is gone with its process. Throws when it was not free for `waitS` seconds.
 */
export async function withNamedLock<T>(
  dataSource: DataSource,
  name: string,
  waitS: number,
  work: () => Promise<T>,
): Promise<T> {
  const runner = dataSource.createQueryRunner();
  await runner.connect();
  try {
    // Names are shared by all databases of a server and may have 64 characters; MySQL 9.6 has no SHA1 any more.
    const [answer] = (await runner.query(
      `SELECT GET_LOCK(SHA2(CONCAT(DATABASE(), ':', ?), 256), ?) AS held`,
      [name, waitS],
    )) as { held: unknown }[];
    if (Number(answer?.held) !== 1) throw new Error(`another process held the lock "${name}" for ${waitS} s`);
    try {
      return await work();
    } finally {
      await runner.query(`DO RELEASE_LOCK(SHA2(CONCAT(DATABASE(), ':', ?), 256))`, [name]);
    }
  } finally {
    await runner.release();
  }
}
