import { strict as assert } from 'node:assert';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { DataSource } from 'typeorm';

import { createDataSource } from '../../db/data-source';
import { migrate } from '../../db/migrate';
import { emptyDatabase, TEST_SECRET_KEY } from '../support/database';
import { eventually } from '../support/eventually';
import { buildUser } from '../support/factories';
import type { RunningProcess } from '../support/processes';
import { freePort, startProcess } from '../support/processes';
import { RegistryClient } from '../support/registry-client';

const MIB = 1024 ** 2;
/** `SLOW_TESTS=1` takes the 2 GiB of the release bar. */
const SIZE_MIB = process.env.SLOW_TESTS === '1' ? 2048 : 256;
const LIMIT_MIB = 100;

describe(`memory of a registry process, with a blob of ${SIZE_MIB} MiB`, function () {
  this.timeout(process.env.SLOW_TESTS === '1' ? 300_000 : 60_000);
  let server: RunningProcess;
  let dataSource: DataSource;
  let client: RegistryClient;
  let folder: string;
  let name: string;

  before(async function () {
    // Resident memory of another process is read where Linux shows it.
    if (!existsSync('/proc/self/status')) return this.skip();
    folder = mkdtempSync(join(tmpdir(), 'slipway-test-memory-'));
    const port = await freePort();
    const database = {
      DATABASE_URL: await emptyDatabase(),
      DATABASE_SECRET_KEY: TEST_SECRET_KEY,
    };
    dataSource = await createDataSource({ ...database, DATABASE_POOL_SIZE: 2 }).initialize();
    await migrate(dataSource);
    const { account } = await buildUser(dataSource, { password: 'secret' });
    name = account.name;
    const main = join(__dirname, '..', 'support', 'registry-main.ts');
    server = startProcess(process.execPath, ['--require', 'tsx/cjs', main], {
      ...process.env,
      ...database,
      SERVER_HOSTNAME: `127.0.0.1:${port}`,
      LISTEN_PORT: String(port),
      DISTRIBUTED_STORAGE_CONFIG: JSON.stringify({ default: ['LocalStorage', { storage_path: folder }] }),
    });
    await eventually(() => assert.match(server.output(), /ready/), 30_000);
    client = new RegistryClient(`http://127.0.0.1:${port}`, { username: name, password: 'secret' });
    // Warm: the first requests load code that stays.
    await client.pushBlob(`${name}/app`, randomBytes(8 * MIB));
  });
  after(async () => {
    await server?.stop();
    await dataSource?.destroy();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const memoryMib = (key: 'VmRSS' | 'VmHWM') => {
    const status = readFileSync(`/proc/${String(server.child.pid)}/status`, 'utf8');
    return Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  };

  it(`rises by less than ${LIMIT_MIB} MiB while it goes up and down`, async () => {
    const piece = randomBytes(MIB);
    const idleMib = memoryMib('VmRSS');
    const digest = digestOf(piece);
    const location = await begin();
    await put(`${location}?digest=${digest}`, piece);
    const pushedMib = memoryMib('VmHWM');
    assert.equal(await download(digest), digest);
    const pulledMib = memoryMib('VmHWM');
    const rise = (mib: number) => `rose from ${idleMib.toFixed(0)} to ${mib.toFixed(0)} MiB`;
    assert.ok(pushedMib - idleMib < LIMIT_MIB, rise(pushedMib));
    assert.ok(pulledMib - idleMib < LIMIT_MIB, rise(pulledMib));
    if (process.env.SLOW_TESTS === '1') console.log(`      push ${rise(pushedMib)}, pull ${rise(pulledMib)}`);
  });

  async function begin(): Promise<string> {
    const response = await client.expect(202, 'POST', `/v2/${name}/app/blobs/uploads/`);
    return response.headers.get('location') ?? '';
  }

  async function put(path: string, piece: Buffer): Promise<void> {
    const token = await client.token(`repository:${name}/app:pull,push`);
    const req = request(new URL(path, client.url), {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-length': String(SIZE_MIB * MIB) },
    });
    const answer = answerOf(req);
    for (let sent = 0; sent < SIZE_MIB; sent += 1) {
      if (!req.write(piece)) await new Promise((resolve) => req.once('drain', resolve));
    }
    req.end();
    const response = await answer;
    response.resume();
    assert.equal(response.statusCode, 201);
  }

  async function download(digest: string): Promise<string> {
    const token = await client.token(`repository:${name}/app:pull,push`);
    const url = new URL(`/v2/${name}/app/blobs/${digest}`, client.url);
    const req = request(url, { headers: { authorization: `Bearer ${token}` } });
    const answer = answerOf(req);
    req.end();
    const hash = createHash('sha256');
    for await (const chunk of await answer) hash.update(chunk as Buffer);
    return `sha256:${hash.digest('hex')}`;
  }
});

function answerOf(req: ReturnType<typeof request>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    req.on('response', resolve);
    req.on('error', reject);
  });
}

function digestOf(piece: Buffer): string {
  const hash = createHash('sha256');
  for (let at = 0; at < SIZE_MIB; at += 1) hash.update(piece);
  return `sha256:${hash.digest('hex')}`;
}
