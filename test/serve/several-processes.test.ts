import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';

import type { DataSource } from 'typeorm';

import { createDataSource } from '../../db/data-source';
import { Upload } from '../../db/entities/content';
import { migrate } from '../../db/migrate';
import { emptyDatabase, freshDatabase, TEST_SECRET_KEY } from '../support/database';
import { eventually } from '../support/eventually';
import { buildUser } from '../support/factories';
import { mariadb } from '../support/mariadb';
import { freePort } from '../support/processes';
import { RegistryClient, sha256 } from '../support/registry-client';
import type { PartProcess } from '../support/worker-process';
import { startPart } from '../support/worker-process';

describe('serve on several cores', function () {
  this.timeout(90_000);

  let databaseUrl: string;
  let dataSource: DataSource;
  let part: PartProcess;
  let port: number;
  let url: string;
  let user: { username: string; password: string };

  before(async () => {
    databaseUrl = await emptyDatabase();
    dataSource = createDataSource({
      ...{ DATABASE_URL: databaseUrl, DATABASE_SECRET_KEY: TEST_SECRET_KEY, DATABASE_POOL_SIZE: 2 },
    });
    await dataSource.initialize();
    await migrate(dataSource);
    const { account } = await buildUser(dataSource, { password: 'correct-horse' });
    user = { username: account.name, password: 'correct-horse' };
  });
  after(() => dataSource.destroy());
  // What a test does not end is good for the next one.
  beforeEach(async () => {
    if (!part || part.child.exitCode !== null || part.child.signalCode !== null) {
      port = await freePort();
      url = `http://127.0.0.1:${port}`;
      part = await start();
    }
    await part.healthy();
  });
  after(() => part?.stop('SIGKILL'));

  const start = (ofDatabase = databaseUrl) =>
    startPart({
      script: 'serve/main.ts',
      databaseUrl: ofDatabase,
      temporalAddress: '127.0.0.1:1',
      env: { LISTEN_PORT: String(port), SERVE_PROCESSES: '2' },
    });

  const children = () => childrenOf(part.child.pid ?? 0);

  async function beginUpload(): Promise<{ client: RegistryClient; location: string }> {
    const client = new RegistryClient(url, user);
    const path = `/v2/${user.username}/app/blobs/uploads/`;
    const begun = await client.expect(202, 'POST', path, { headers: { connection: 'close' } });
    return { client, location: begun.headers.get('location') ?? '' };
  }

  it('lets what is under way end in every process when it is told to stop, once, however many are signalled', async () => {
    const { client, location } = await beginUpload();
    const token = await client.token(`repository:${user.username}/app:pull,push`);
    const headers = { authorization: `Bearer ${token}`, 'content-length': 10 };
    const request = httpRequest(`${url}${location}`, { method: 'PATCH', headers, agent: false });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    request.write('12345');
    // Each of them has begun with what was sent before it answers what is sent now.
    for (let call = 0; call < 4; call += 1) {
      await fetch(`${url}/health`, { headers: { connection: 'close' } });
    }
    const pids = children();
    assert.equal(pids.length, 2);
    // As a terminal or a service manager does.
    for (const pid of pids) process.kill(pid, 'SIGTERM');
    for (const pid of pids) process.kill(pid, 'SIGINT');
    part.child.kill('SIGTERM');
    await eventually(() => assert.rejects(fetch(`${url}/health`)));
    request.end('67890');
    const [response] = await answered;
    assert.equal(response.statusCode, 202);
    assert.equal(response.headers.range, '0-9');
    response.resume();
    const [exitCode] = (await once(part.child, 'exit')) as [number | null];
    assert.equal(exitCode, 0, part.output());
    assert.doesNotMatch(part.output(), /in a hurry|"level":50/);
    await areGone(pids);
  });

  it('takes uploads whose chunks come to different processes', async () => {
    const begun = await beginUpload();
    const { client } = begun;
    let { location } = begun;
    const headers = { connection: 'close', 'content-type': 'application/octet-stream' };
    const chunks = Array.from({ length: 6 }, () => randomBytes(100_000));
    for (const body of chunks) {
      const sent = await client.expect(202, 'PATCH', location, { headers, body });
      location = sent.headers.get('location') ?? '';
    }
    // Each change of hands is an epoch.
    const uuid = /uploads\/([\w-]+)/.exec(location)?.[1] ?? '';
    const { epoch } = await dataSource.manager.findOneByOrFail(Upload, { uuid });
    assert.ok(epoch >= 4, `epoch ${epoch}`);
    const whole = Buffer.concat(chunks);
    const digest = sha256(whole);
    const query = `${location.includes('?') ? '&' : '?'}digest=${digest}`;
    await client.expect(201, 'PUT', `${location}${query}`, { headers });
    const read = await client.expect(200, 'GET', `/v2/${user.username}/app/blobs/${digest}`);
    assert.ok(Buffer.from(await read.arrayBuffer()).equals(whole));
  });

  it('replaces a process that dies, and the others go on with what it was receiving', async () => {
    const { client, location } = await beginUpload();
    const authorization = `Bearer ${await client.token(`repository:${user.username}/app:pull,push`)}`;
    const cut = httpRequest(`${url}${location}`, {
      method: 'PATCH',
      headers: { authorization },
      agent: false,
    });
    cut.on('error', () => undefined);
    cut.write(randomBytes(300_000));
    const uuid = /uploads\/([\w-]+)/.exec(location)?.[1] ?? '';
    const owner = await eventually(async () => {
      const { leaseOwner, leaseUntilMs } = await dataSource.manager.findOneByOrFail(Upload, { uuid });
      assert.ok(leaseOwner !== null && leaseUntilMs !== null);
      return leaseOwner;
    });
    const before = children();
    const victim = before.find((pid) => owner.includes(`-${pid}-`)) ?? 0;
    const other = before.find((pid) => pid !== victim) ?? 0;
    process.kill(victim, 'SIGKILL');
    const diedAtMs = performance.now();
    await areGone([victim]);

    // Of a body that never ended nothing was promised: the client goes on where the session says that it is.
    const headers = { connection: 'close' };
    const whole = randomBytes(400_000);
    const begun = await client.expect(204, 'GET', location, { headers });
    assert.equal(begun.headers.get('range'), '0-0');
    await client.expect(202, 'PATCH', location, { headers, body: whole });
    await client.expect(201, 'PUT', `${location}?digest=${sha256(whole)}`, { headers });
    // A lease runs for 30 s.
    assert.ok(performance.now() - diedAtMs < 20_000);
    const { status } = await fetch(`${url}/health`, { headers: { connection: 'close' } });
    assert.equal(status, 200);
    await eventually(() => assert.equal(children().length, 2), 30_000);
    assert.ok(children().includes(other));
    await part.healthy();
    assert.match(part.output(), /ended by SIGKILL.*another one takes its place/s);
  });

  it('says which process does not answer', async () => {
    const [frozen = 0] = children();
    process.kill(frozen, 'SIGSTOP');
    try {
      const { status, body } = await part.health();
      assert.equal(status, 503);
      assert.match(body.reason ?? '', new RegExp(`process ${frozen} does not answer`));
    } finally {
      process.kill(frozen, 'SIGCONT');
    }
    await part.healthy();
  });

  it('sums the metrics of all of them', async () => {
    const text = await part.metrics();
    const resident = Number(/^process_resident_memory_bytes\{part="serve"\} (\d+)/m.exec(text)?.[1]);
    const [one = 0] = children();
    assert.ok(resident > 2 * residentBytes(one), `${resident} bytes`);

    // Whichever of them is asked, and it is not the same one each time.
    const before = countOf(text);
    const headers = { connection: 'close' };
    for (let call = 0; call < 10; call += 1) await fetch(`${url}/health`, { headers });
    const shown = [await part.metrics()];
    for (let call = 0; call < 2; call += 1) {
      shown.push(await (await fetch(`${url}/metrics`, { headers })).text());
    }
    for (const after of shown) assert.equal(countOf(after) - before, 10);
  });

  it('ends with the reason when the last process has died and none can be started', async () => {
    await part.stop('SIGKILL');
    const own = await freshDatabase(2);
    const { database } = own.options as { database: string };
    part = await start((await mariadb()).url(database));
    await part.healthy();
    await own.query(`DROP DATABASE ${database}`);
    await own.destroy();
    const exited = once(part.child, 'exit') as Promise<[number | null]>;
    for (const pid of children()) process.kill(pid, 'SIGKILL');
    const [exitCode] = await exited;
    assert.equal(exitCode, 1);
    assert.match(part.output(), /no process of serve is left, and none can be started/);
  });

  it('ends with its supervisor, however that ends', async () => {
    const pids = children();
    part.child.kill('SIGKILL');
    await areGone(pids);
  });

  it('ends with the reason when its port is taken', async () => {
    const second = await start();
    const [exitCode] = (await once(second.child, 'exit')) as [number | null];
    assert.equal(exitCode, 1);
    assert.match(second.output(), /EADDRINUSE/);
    assert.match(second.output(), /ended with code 1 before it served/);
  });
});

function countOf(metrics: string): number {
  return Number(
    /^slipway_http_requests_total\{[^}]*route="\/\/health"[^}]*\} (\d+)/m.exec(metrics)?.[1] ?? 0,
  );
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number).filter(isServe);
}

/** tsx has helpers of its own. */
function isServe(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('serve/main.ts');
}

function residentBytes(pid: number): number {
  return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

async function areGone(pids: number[]): Promise<void> {
  await eventually(() => {
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  }, 20_000);
}
