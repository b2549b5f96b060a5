import type { DataSource, QueryRunner } from 'typeorm';

// Names are shared by all databases of a server and may have 64 characters; MySQL 9.6 has no SHA1 any more.
const KEY = `SHA2(CONCAT(DATABASE(), ':', ?), 256)`;
/** Below the limit of any statement: who waits longer asks again. */
const STEP_S = 5;

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
  try {
    if (!(await take(runner, name, waitS))) {
      throw new Error(`another process held the lock "${name}" for ${waitS} s`);
    }
    try {
      return await work();
    } finally {
      await letGo(runner, name);
    }
  } finally {
    await runner.release();
  }
}

async function take(runner: QueryRunner, name: string, waitS: number): Promise<boolean> {
  for (let leftS = waitS; leftS > 0; leftS -= STEP_S) {
    const [answer] = (await runner.query(`SELECT GET_LOCK(${KEY}, ?) AS held`, [
      name,
      Math.min(leftS, STEP_S),
    ])) as { held: unknown }[];
    if (Number(answer?.held) === 1) return true;
  }
  return false;
}

/** Failing, it must not hide what the work came to; a connection that does not answer has lost the lock by then. */
async function letGo(runner: QueryRunner, name: string): Promise<void> {
  try {
    await runner.query(`DO RELEASE_LOCK(${KEY})`, [name]);
  } catch {
    // Closed by its limit, or by the server.
  }
}
