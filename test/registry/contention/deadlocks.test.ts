import assert from 'node:assert/strict';

import { createDataSource } from '../../../db/data-source';
import { Upload } from '../../../db/entities/content';
import { migrate } from '../../../db/migrate';
import { TEST_SECRET_KEY, emptyDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { buildUser, uniqueName } from '../../support/factories';
import type { BuiltImage } from '../../support/images';
import { buildImage, pushImage, putManifest } from '../../support/images';
import type { TestRegistry } from '../../support/registry';
import { startRegistry } from '../../support/registry';
import { RegistryClient, sha256 } from '../../support/registry-client';

const ROWS = {
  tag: `SELECT id FROM tag WHERE name = ? AND is_current = 1 FOR UPDATE`,
  blob: `SELECT id FROM stored_blob WHERE digest = ? FOR UPDATE`,
  upload: `SELECT id FROM upload WHERE uuid = ? FOR UPDATE`,
};

/**
 * Every act of the registry locks its repository first and what belongs to it thereafter. Here somebody does it the
 * other way round, and has changed more rows, so that it is the act that the database undoes.
 */
describe('a deadlock is not shown to', () => {
  let registry: TestRegistry;
  let client: RegistryClient;
  let owner: string;
  let repository: string;
  let tag: string;
  let image: BuiltImage;

  before(async () => {
    const dataSource = createDataSource(
      { DATABASE_URL: await emptyDatabase(), DATABASE_SECRET_KEY: TEST_SECRET_KEY, DATABASE_POOL_SIZE: 10 },
      { lockWaitS: 1 },
    );
    await dataSource.initialize();
    await migrate(dataSource);
    registry = await startRegistry({ dataSource });
    await registry.dataSource.query('CREATE TABLE ballast (id INT AUTO_INCREMENT PRIMARY KEY)');
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    owner = account.name;
    client = new RegistryClient(registry.url, { username: owner, password: 'secret' });
  });
  beforeEach(async () => {
    repository = `${owner}/${uniqueName('app')}`;
    tag = uniqueName('tag');
    image = buildImage({ layers: [uniqueName('layer')] });
    await pushImage(client, repository, image, tag);
  });
  after(async () => {
    await registry.close();
    await registry.dataSource.destroy();
  });

  const layer = () => image.layers[0]?.digest ?? '';
  const manifest = (reference: string) => `/v2/${repository}/manifests/${reference}`;
  const uploads = () => `/v2/${repository}/blobs/uploads/`;

  it('who moves a tag', async () => {
    const other = buildImage({ annotations: { moved: 'here' }, layers: [] });
    await undone(ROWS.tag, tag, 201, () => putManifest(client, repository, other.body, tag));
    const head = await client.expect(200, 'HEAD', manifest(tag));
    assert.equal(head.headers.get('docker-content-digest'), other.digest);
  });

  it('who deletes a tag', async () => {
    await undone(ROWS.tag, tag, 202, () => client.call('DELETE', manifest(tag)));
    await client.expect(404, 'HEAD', manifest(tag));
  });

  it('who deletes a manifest', async () => {
    await undone(ROWS.tag, tag, 202, () => client.call('DELETE', manifest(image.digest)));
    await client.expect(404, 'HEAD', manifest(image.digest));
  });

  it('who puts a manifest', async () => {
    const other = { ...JSON.parse(image.body), annotations: { n: 'other' } } as object;
    const put = () => putManifest(client, repository, JSON.stringify(other), 'other');
    await undone(ROWS.blob, layer(), 201, put);
  });

  it('who mounts a blob', async () => {
    const source = repository;
    repository = `${owner}/${uniqueName('target')}`;
    await client.pushBlob(repository, 'makes it');
    const path = `${uploads()}?mount=${layer()}&from=${source}`;
    await undone(ROWS.blob, layer(), 201, () => client.call('POST', path));
  });

  it('who deletes a blob', async () => {
    await client.expect(202, 'DELETE', manifest(image.digest));
    const path = `/v2/${repository}/blobs/${layer()}`;
    await undone(ROWS.blob, layer(), 202, () => client.call('DELETE', path));
    await client.expect(404, 'HEAD', path);
  });

  it('who pushes a blob that is known', async () => {
    const { bytes, digest } = image.layers[0] ?? { bytes: '', digest: '' };
    const path = `${uploads()}?digest=${digest}`;
    await undone(ROWS.blob, digest, 201, () => client.call('POST', path, { body: bytes }));
  });

  it('who goes on with an upload, ends it or gives it up', async () => {
    // Their first process goes on with them in one statement, which cannot meet a deadlock.
    const other = await startRegistry(registry);
    try {
      const elsewhere = client.at(other.url);
      const continued = await client.expect(202, 'POST', uploads());
      const uuid = continued.headers.get('docker-upload-uuid') ?? '';
      const location = continued.headers.get('location') ?? '';
      await undone(ROWS.upload, uuid, 202, () => elsewhere.call('PATCH', location, { body: 'half' }));
      const ended = await client.expect(202, 'POST', uploads());
      const end = `${ended.headers.get('location') ?? ''}?digest=${sha256('all of it')}`;
      const key = ended.headers.get('docker-upload-uuid') ?? '';
      await undone(ROWS.upload, key, 201, () => elsewhere.call('PUT', end, { body: 'all of it' }));
    } finally {
      await other.close();
    }
    const another = await client.expect(202, 'POST', uploads());
    const given = another.headers.get('docker-upload-uuid') ?? '';
    const drop = () => client.call('DELETE', another.headers.get('location') ?? '');
    await undone(ROWS.upload, given, 204, drop);
  });

  it('who goes on with an upload whose row somebody locks for longer than the database waits', async () => {
    const started = await client.expect(202, 'POST', uploads());
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const location = started.headers.get('location') ?? '';
    const patch = client.call('PATCH', location, { body: readable });
    await writer.write(Buffer.from('half'));
    const uuid = started.headers.get('docker-upload-uuid') ?? '';
    const { dataSource } = registry;
    await eventually(async () => {
      const { leaseUntilMs } = await dataSource.manager.findOneByOrFail(Upload, { uuid });
      assert.notEqual(leaseUntilMs, null);
    });
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    const waits = await counter('Innodb_row_lock_waits');
    try {
      await runner.query(ROWS.upload, [uuid]);
      await writer.close();
      // The second time it waits, the first time has run out.
      await eventually(async () => assert.ok((await counter('Innodb_row_lock_waits')) >= waits + 2));
    } finally {
      await runner.rollbackTransaction();
      await runner.release();
    }
    assert.equal((await patch).status, 202);
    const status = await client.expect(204, 'GET', location);
    assert.equal(status.headers.get('range'), '0-3');
  });

  /** Makes a request whose act meets a deadlock over a row; it is to have this status nonetheless. */
  async function undone(
    lockRow: string,
    key: string,
    status: number,
    request: () => Promise<Response>,
  ): Promise<void> {
    const { dataSource } = registry;
    const before = await counter('Innodb_deadlocks');
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction('READ COMMITTED');
    let answer: Promise<Response>;
    try {
      await runner.query(`INSERT INTO ballast VALUES ${Array(500).fill('(NULL)').join()}`);
      await runner.query(lockRow, [key]);
      answer = request();
      await eventually(async () => assert.notEqual(await counter('Innodb_row_lock_current_waits'), 0));
      await runner.query(`SELECT id FROM repository WHERE name = ? FOR UPDATE`, [repository.split('/')[1]]);
    } finally {
      await runner.rollbackTransaction();
      await runner.release();
    }
    assert.equal((await answer).status, status);
    assert.equal(await counter('Innodb_deadlocks'), before + 1, 'there was no deadlock');
  }

  async function counter(name: string): Promise<number> {
    const [row] = await registry.dataSource.query<{ Value: string }[]>(`SHOW GLOBAL STATUS LIKE '${name}'`);
    return Number(row?.Value);
  }
});
