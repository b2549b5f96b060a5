import assert from 'node:assert/strict';

import type { DataSource } from 'typeorm';

import { ServiceKeys } from '../../registry/token/service-keys';
import { sharedDatabase } from '../support/database';

describe('service keys', () => {
  let dataSource: DataSource;
  let kid: string;

  before(async () => {
    dataSource = await sharedDatabase();
    ({ kid } = await new ServiceKeys(dataSource, Date.now).signingKey());
  });

  it('are known to all who ask while they are being read', async () => {
    const keys = new ServiceKeys(dataSource, Date.now);
    const found = await Promise.all([keys.publicKey(kid), keys.publicKey(kid), keys.publicKey(kid)]);
    assert.ok(found.every((key) => key !== undefined));
  });

  it('are read again by the next who asks when that failed', async () => {
    let isAway = true;
    const faulty = {
      get manager() {
        if (isAway) throw new Error('the database is away');
        return dataSource.manager;
      },
    } as DataSource;
    const keys = new ServiceKeys(faulty, Date.now);
    await assert.rejects(keys.publicKey(kid), /is away/);
    isAway = false;
    assert.ok(await keys.publicKey(kid));
  });

  it('that are nobody’s are looked for once in a while only', async () => {
    let reads = 0;
    const counting = {
      get manager() {
        reads += 1;
        return dataSource.manager;
      },
    } as DataSource;
    const keys = new ServiceKeys(counting, Date.now);
    for (const unknown of ['one', 'two']) assert.equal(await keys.publicKey(unknown), undefined);
    assert.equal(reads, 1);
  });
});
