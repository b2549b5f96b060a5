import assert from 'node:assert/strict';

import { createConnection } from 'mysql2/promise';
import type { DataSource } from 'typeorm';

import { createDataSource } from '../../db/data-source';
import { migrate } from '../../db/migrate';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import { emptyDatabase, TEST_SECRET_KEY } from '../support/database';
import { eventually } from '../support/eventually';
import { buildUser, uniqueName } from '../support/factories';
import type { KeptLog } from '../support/kept-log';
import { keepLog } from '../support/kept-log';
import { mariadb } from '../support/mariadb';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, sha256 } from '../support/registry-client';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'a config';
const POOL = 2;
const WAITING = 4;
const LIMITS = { waiting: WAITING, acquireMs: 1000, statementMs: 2000, lockWaitS: 1 };
/** A turn for a connection and one statement, on a busy machine. */
const PATIENCE_MS = 15_000;

describe('serving while the database does not', function () {
  this.timeout(60_000);
  let url: string;
  let dataSource: DataSource;
  let registry: TestRegistry;
  let api: TestApi;
  let log: KeptLog;
  let client: RegistryClient;
  let repository: string;

  beforeEach(async () => {
    url = await emptyDatabase();
    const database = { DATABASE_URL: url, DATABASE_SECRET_KEY: TEST_SECRET_KEY, DATABASE_POOL_SIZE: POOL };
    dataSource = await createDataSource(database, LIMITS).initialize();
    await migrate(dataSource);
    log = keepLog();
    registry = await startRegistry({ dataSource, logger: log.logger });
    api = await startApi({ deps: { dataSource, logger: log.logger } });
    const { account } = await buildUser(dataSource, { password: 'secret' });
    client = new RegistryClient(registry.url, { username: account.name, password: 'secret' });
    repository = `${account.name}/${uniqueName('app')}`;
    await client.pushBlob(repository, CONFIG);
    assert.equal((await putManifest('first')).status, 201);
  });
  afterEach(async () => {
    await api.close();
    await registry.close();
    await dataSource.destroy();
  });

  const listTags = () => client.call('GET', `/v2/${repository}/tags/list`);

  function putManifest(tag: string): Promise<Response> {
    const body = JSON.stringify({
      ...{ schemaVersion: 2, mediaType: MANIFEST, layers: [] },
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: sha256(CONFIG),
        size: CONFIG.length,
      },
    });
    const headers = { 'content-type': MANIFEST };
    return client.call('PUT', `/v2/${repository}/manifests/${tag}`, { body, headers });
  }

  /** The id that the refusal names. */
  async function assertUnavailable(response: Response): Promise<string> {
    assert.equal(response.status, 503);
    assert.equal(response.headers.get('retry-after'), '5');
    const { errors } = (await response.json()) as {
      errors: { code: string; message: string; detail: { request_id?: string } }[];
    };
    assert.equal(errors[0]?.code, 'UNAVAILABLE');
    assert.match(errors[0].message, /the database of this registry does not answer/);
    return errors[0].detail.request_id ?? '';
  }

  async function assertServing(): Promise<void> {
    await eventually(async () => assert.equal((await listTags()).status, 200));
    assert.equal((await api.call('GET', '//health')).status, 200);
  }

  async function whileAllConnectionsAreTaken(work: () => Promise<void>): Promise<void> {
    const holders = Array.from({ length: POOL }, () => dataSource.createQueryRunner());
    for (const holder of holders) await holder.connect();
    try {
      await work();
    } finally {
      for (const holder of holders) await holder.release();
    }
  }

  it('answers 503 when no connection becomes free, at once when too many wait, and goes on when one does', async () => {
    // Who may read is known from now on: each request waits for a statement of its own.
    await assertServing();
    await whileAllConnectionsAreTaken(async () => {
      const ends: number[] = [];
      const beganAtMs = performance.now();
      const calls = Array.from({ length: WAITING * 5 }, async () => {
        const response = await listTags();
        ends.push(performance.now() - beganAtMs);
        return assertUnavailable(response);
      });
      const ids = await Promise.all(calls);
      assert.equal(new Set(ids).size, ids.length, 'each refusal has an id of its own');
      const atOnce = ends.filter((ms) => ms < LIMITS.acquireMs).length;
      assert.ok(atOnce >= WAITING, `${atOnce} were refused without waiting`);
      const answer = await api.call('GET', '/repository?public=true');
      assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '5']);
      assert.match(JSON.stringify(answer.body), /the database does not answer/);
      assert.equal((await api.call('GET', '//health')).status, 503);
    });
    await assertServing();
    const logged = log.errors();
    assert.ok(logged.length < WAITING * 5, `${logged.length} lines for ${WAITING * 5} requests`);
    assert.ok(logged.every(({ requestId }) => requestId));
  });

  it('lets nobody wait for ever for a server that is frozen, writes nothing by halves, and recovers', async () => {
    const server = await mariadb();
    process.kill(server.pid, 'SIGSTOP');
    try {
      const beganAtMs = performance.now();
      const answers = await Promise.all([listTags(), putManifest('frozen'), fetch(`${registry.url}/v2/`)]);
      assert.ok(performance.now() - beganAtMs < PATIENCE_MS);
      const [tags, manifest, ping] = answers;
      await assertUnavailable(tags);
      await assertUnavailable(manifest);
      assert.equal(ping.status, 401, 'the challenge needs no database');
      assert.equal((await api.call('GET', '/repository?public=true')).status, 503);
      assert.equal((await api.call('GET', '//health')).status, 503);
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
    await assertServing();
    const pulled = await client.call('GET', `/v2/${repository}/manifests/frozen`);
    assert.equal(pulled.status, 404);
    assert.equal((await putManifest('frozen')).status, 201);
  });

  it('survives that the server ends every connection, idle or in use', async () => {
    const database = new URL(url).pathname.slice(1);
    const administrator = await createConnection(url);
    try {
      for (let round = 0; round < 3; round += 1) {
        const traffic = Array.from({ length: WAITING }, () => listTags());
        await killConnections(administrator, database);
        for (const { status } of await Promise.all(traffic)) {
          assert.ok(status === 200 || status === 503, `an honest answer, not ${status}`);
        }
        await assertServing();
      }
    } finally {
      await administrator.end();
    }
  });

  it('answers 503 for a row that another transaction does not let go of, and stores nothing', async () => {
    const holder = await createConnection(url);
    try {
      await holder.beginTransaction();
      await holder.query('SELECT * FROM repository FOR UPDATE');
      const beganAtMs = performance.now();
      await assertUnavailable(await putManifest('locked'));
      assert.ok(performance.now() - beganAtMs < 2 * PATIENCE_MS);
      await assertServing();
    } finally {
      await holder.end();
    }
    assert.equal((await client.call('GET', `/v2/${repository}/manifests/locked`)).status, 404);
    assert.equal((await putManifest('locked')).status, 201);
  });

  async function killConnections(
    administrator: Awaited<ReturnType<typeof createConnection>>,
    database: string,
  ): Promise<void> {
    const [rows] = await administrator.query(
      'SELECT id FROM information_schema.processlist WHERE db = ? AND id <> CONNECTION_ID()',
      [database],
    );
    for (const { id } of rows as { id: number }[]) {
      // It may have ended by itself.
      await administrator.query(`KILL CONNECTION ${id}`).catch(() => undefined);
    }
  }
});
