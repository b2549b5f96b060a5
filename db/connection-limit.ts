import type { DataSource } from 'typeorm';

/** How many connections the server lets this user have at the same time. */
export async function readConnectionLimit(dataSource: DataSource): Promise<number> {
  const [row] = await dataSource.query<{ ofAll: unknown; ofUser: unknown }[]>(
    'SELECT @@GLOBAL.max_connections AS ofAll, @@SESSION.max_user_connections AS ofUser',
  );
  // 0: as many as there are for all.
  return Math.min(Number(row?.ofAll), Number(row?.ofUser) || Infinity);
}
