import assert from 'node:assert/strict';

import type { DataSource } from 'typeorm';

import { createDataSource } from '../../db/data-source';
import { migrate } from '../../db/migrate';
import { MIGRATIONS } from '../../db/migrations/all';
import { emptyDatabase, freshDatabase, TEST_SECRET_KEY } from '../support/database';

interface StoredColumn {
  TABLE_NAME: string;
  COLUMN_NAME: string;
  DATA_TYPE: string;
  IS_NULLABLE: 'YES' | 'NO';
  CHARACTER_MAXIMUM_LENGTH: number | null;
}

async function connect(url: string): Promise<DataSource> {
  const dataSource = createDataSource({
    DATABASE_URL: url,
    DATABASE_SECRET_KEY: TEST_SECRET_KEY,
    DATABASE_POOL_SIZE: 3,
  });
  return dataSource.initialize();
}

describe('migrations', function () {
  this.timeout(60_000);

  it('bring an empty database up and do nothing the second time', async () => {
    const dataSource = await connect(await emptyDatabase());
    try {
      assert.equal((await migrate(dataSource)).length, MIGRATIONS.length);
      assert.deepEqual(await migrate(dataSource), []);
    } finally {
      await dataSource.destroy();
    }
  });

  it('may be run by two processes at once', async () => {
    const url = await emptyDatabase();
    const [one, two] = [await connect(url), await connect(url)];
    try {
      const ran = await Promise.all([migrate(one), migrate(two)]);
      assert.equal(ran.flat().length, MIGRATIONS.length);
    } finally {
      await Promise.all([one.destroy(), two.destroy()]);
    }
  });

  it('make exactly the columns that the entities declare', async () => {
    const dataSource = await freshDatabase(2);
    try {
      const stored: StoredColumn[] = await dataSource.query(
        `SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, IS_NULLABLE, CHARACTER_MAXIMUM_LENGTH
           FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name <> 'migrations'`,
      );
      const inDatabase = stored.map((column) => {
        const length = column.DATA_TYPE.endsWith('char') ? `(${column.CHARACTER_MAXIMUM_LENGTH})` : '';
        return `${column.TABLE_NAME}.${column.COLUMN_NAME} ${column.DATA_TYPE}${length} ${column.IS_NULLABLE}`;
      });
      const declared = dataSource.entityMetadatas.flatMap((entity) =>
        entity.columns.map((column) => {
          const type = dataSource.driver.normalizeType(column);
          const length = type.endsWith('char') ? `(${column.length})` : '';
          return `${entity.tableName}.${column.databaseName} ${type}${length} ${column.isNullable ? 'YES' : 'NO'}`;
        }),
      );
      assert.deepEqual(inDatabase.sort(), declared.sort());
    } finally {
      await dataSource.destroy();
    }
  });
});
