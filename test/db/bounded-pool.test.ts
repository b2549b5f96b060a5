import assert from 'node:assert/strict';

import { createConnection } from 'mysql2/promise';

import { createDataSource } from '../../db/data-source';
import { emptyDatabase, TEST_SECRET_KEY } from '../support/database';
import { eventually } from '../support/eventually';

const SLEEPERS = `SELECT id FROM information_schema.processlist WHERE info = 'SELECT SLEEP(25)' AND db = DATABASE()`;

describe('a bounded pool', function () {
  this.timeout(60_000);

  it('closes though the server does not answer a statement that is under way', async () => {
    const url = await emptyDatabase();
    const dataSource = await createDataSource(
      { DATABASE_URL: url, DATABASE_SECRET_KEY: TEST_SECRET_KEY, DATABASE_POOL_SIZE: 2 },
      { statementMs: 60_000 },
    ).initialize();
    const underWay = dataSource.query('SELECT SLEEP(25)');
    const id = await eventually(async () => {
      const [row] = await dataSource.query<{ id: number }[]>(SLEEPERS);
      assert.ok(row);
      return row.id;
    });
    const beganAtMs = performance.now();
    await dataSource.destroy();
    assert.ok(performance.now() - beganAtMs < 15_000);
    const other = await createConnection(url);
    await other.query(`KILL QUERY ${id}`);
    await other.end();
    await Promise.allSettled([underWay]);
  });
});
