import assert from 'node:assert/strict';

import { readConnectionLimit } from '../../db/connection-limit';
import { processCount } from '../../serve/process-count';
import { sharedDatabase } from '../support/database';

const GIB = 1024 ** 3;

describe('how many processes serve', () => {
  it('are one for each core where there is memory and a database for them', () => {
    assert.equal(processCount({ cores: 2, memoryBytes: 24 * GIB, connections: 250 }, 10), 2);
    assert.equal(processCount({ cores: 1, memoryBytes: 24 * GIB, connections: 250 }, 10), 1);
  });

  it('are no more than memory allows, and at least one', () => {
    assert.equal(processCount({ cores: 8, memoryBytes: 1.9 * GIB, connections: 1000 }, 10), 3);
    assert.equal(processCount({ cores: 8, memoryBytes: GIB / 4, connections: 1000 }, 10), 1);
  });

  it('leave three tenths of the connections of the database, and a pool for each of the other processes', () => {
    // The default of MariaDB and MySQL.
    assert.equal(processCount({ cores: 64, memoryBytes: 256 * GIB, connections: 151 }, 10), 7);
    assert.equal(processCount({ cores: 64, memoryBytes: 256 * GIB, connections: 400 }, 10), 25);
    assert.equal(processCount({ cores: 64, memoryBytes: 256 * GIB, connections: 400 }, 50), 2);
    assert.equal(processCount({ cores: 64, memoryBytes: 256 * GIB, connections: 20 }, 10), 1);
  });

  it('know what the database allows', async () => {
    // As the server of the tests is started.
    assert.equal(await readConnectionLimit(await sharedDatabase()), 400);
  });
});
