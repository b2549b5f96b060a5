import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';

import type { Pool } from 'mysql2';
import type { DataSource } from 'typeorm';

import { freshDatabase } from '../support/database';
import { buildUser } from '../support/factories';
import { buildImage, pushImage } from '../support/images';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, sha256 } from '../support/registry-client';

describe('the number of statements of a request', () => {
  let registry: TestRegistry;
  let dataSource: DataSource;
  let client: RegistryClient;
  let repository: string;
  const image = buildImage();

  before(async () => {
    dataSource = await freshDatabase();
    registry = await startRegistry({ dataSource });
    const { account } = await buildUser(dataSource, { password: 'secret' });
    client = new RegistryClient(registry.url, { username: account.name, password: 'secret' });
    repository = `${account.name}/app`;
    await pushImage(client, repository, image, 'v1');
  });
  after(async () => {
    await registry.close();
    await dataSource.destroy();
  });

  /** Counted by the server itself, whatever way a statement takes. */
  async function questions(): Promise<number> {
    const { pool } = dataSource.driver as unknown as { pool: Pool };
    const [rows] = await pool.promise().query(`SHOW GLOBAL STATUS LIKE 'Questions'`);
    return Number((rows as { Value: string }[])[0]?.Value);
  }

  /** The least of several tries: other tests may use the server at the same time. */
  async function statementsOf(status: number, method: string, path: string): Promise<number> {
    const counts: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const before = await questions();
      await client.expect(status, method, path);
      counts.push((await questions()) - before - 1);
    }
    return Math.min(...counts);
  }

  const layer = image.layers[0]?.digest ?? '';
  const reads: [method: string, path: () => string][] = [
    ['GET', () => `/v2/${repository}/manifests/v1`],
    ['HEAD', () => `/v2/${repository}/manifests/v1`],
    ['GET', () => `/v2/${repository}/manifests/${image.digest}`],
    ['HEAD', () => `/v2/${repository}/manifests/${image.digest}`],
    ['GET', () => `/v2/${repository}/blobs/${layer}`],
    ['HEAD', () => `/v2/${repository}/blobs/${layer}`],
    ['GET', () => `/v2/${repository}/tags/list`],
  ];
  for (const [method, path] of reads) {
    it(`is one for ${method} ${path()
      .replace('undefined', '{name}')
      .replace(/[0-9a-f]{64}/, '…')}`, async () => {
      await client.expect(200, method, path());
      assert.equal(await statementsOf(200, method, path()), 1);
    });
  }

  it('is a handful for the start of an upload, and a dozen for its end', async () => {
    const started = await statementsOf(202, 'POST', `/v2/${repository}/blobs/uploads/`);
    assert.ok(started <= 2, `${started} for POST`);
    const ended: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const bytes = randomBytes(100);
      const { headers } = await client.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
      const before = await questions();
      await client.expect(201, 'PUT', `${headers.get('location') ?? ''}?digest=${sha256(bytes)}`, {
        body: bytes,
      });
      ended.push((await questions()) - before - 1);
    }
    assert.ok(Math.min(...ended) <= 10, `${ended.join(' ')} for PUT`);
  });

  it('has a text that does not vary with the size of a page', async () => {
    const { pool } = dataSource.driver as unknown as { pool: Pool };
    const prepared = async () => {
      const [rows] = await pool.promise().query(`SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'`);
      return Number((rows as { Value: string }[])[0]?.Value);
    };
    const before = await prepared();
    for (let n = 1; n <= 60; n += 1) {
      await client.expect(200, 'GET', `/v2/${repository}/tags/list?n=${n}`);
    }
    assert.ok((await prepared()) - before < 30);
  });
});
