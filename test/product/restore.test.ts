import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { createConnection } from 'mysql2/promise';

import type { Config } from '../../config/schema';
import { Build, BuildTrigger } from '../../db/entities/builds';
import { Manifest } from '../../db/entities/content';
import { Delivery, NotificationRule } from '../../db/entities/notifications';
import { IndexReportRow } from '../../db/entities/scanning';
import { installSealingKey } from '../../db/sealing';
import { TEST_SECRET_KEY } from '../support/database';
import { eventually } from '../support/eventually';
import { buildImage, pushImage } from '../support/images';
import { anotherMariadb } from '../support/mariadb';
import type { Product } from '../support/product';
import { product, restoredProduct } from '../support/product';
import type { Project } from '../support/project';
import { createProject } from '../support/project';
import type { Receiver } from '../support/receiver';
import { startReceiver } from '../support/receiver';
import { RegistryClient, sha256 } from '../support/registry-client';

const run = promisify(execFile);
const ROOT = join(__dirname, '..', '..');

interface Pushed {
  tag: string;
  digest: string;
  blobs: string[];
}

describe('a backup that was taken under load', function () {
  this.timeout(300_000);
  let made: Product;
  let restored: Product;
  let project: Project;
  let receiver: Receiver;
  let isReceiving = false;
  let ruleId: number;
  let robot: { name: string; token: string };
  let home: string;
  let config: Config;
  const pushed: Pushed[] = [];

  before(async () => {
    made = await product();
    receiver = await startReceiver((response) => void response.writeHead(isReceiving ? 204 : 503).end());
    project = await createProject(made);
    await prepare();
    const folder = made.home;
    let isOver = false;
    const client = new RegistryClient(made.base, { username: robot.name, password: robot.token });
    const load = keepPushing(client, () => isOver);
    await eventually(() => assert.ok(pushed.length >= 5));
    const acknowledged = pushed.length;
    await backUp(made, folder);
    isOver = true;
    await load;
    assert.ok(pushed.length > acknowledged, 'it was pushed to meanwhile');
    pushed.length = acknowledged;
    const server = await anotherMariadb();
    restored = await restoredProduct(server.url('restored'), async (to, made_) => {
      [home, config] = [to, made_];
      const connection = await createConnection(server.url('mysql'));
      await connection.query('CREATE DATABASE restored CHARACTER SET utf8mb4 COLLATE utf8mb4_bin');
      await connection.end();
      const { status, stderr } = spawnSync(
        'mariadb',
        ['--no-defaults', '--host=127.0.0.1', `--port=${server.port}`, '--user=root', 'restored'],
        { stdio: [openSync(join(folder, 'slipway.sql'), 'r'), 'ignore', 'pipe'] },
      );
      assert.equal(status, 0, String(stderr));
      await run('tar', ['-C', join(to, 'storage'), '-xf', join(folder, 'blobs.tar')]);
    });
  });

  after(async () => {
    for (const part of ['serve', 'relay', 'worker'] as const) await restored?.kill(part, 'SIGKILL');
    await project?.dispose();
    await receiver?.close();
    await made.start('build worker');
  });

  /** A robot, and work of every kind that is open while the backup is taken. */
  async function prepare(): Promise<void> {
    const { owner, organization, path } = project;
    const name = `${organization}+deploy`;
    const created = await owner.call<{ token: string }>(
      'PUT',
      `/organization/${organization}/robots/deploy`,
      {},
    );
    assert.equal(created.status, 201);
    robot = { name, token: created.body.token };
    const role = await owner.call('PUT', `/repository/${path}/permissions/user/${name}`, { role: 'write' });
    assert.equal(role.status, 200);
    await made.kill('build worker', 'SIGTERM');
    const rule = { event: 'build_queued', method: 'webhook', config: { url: receiver.url }, eventConfig: {} };
    const { body } = await owner.call<{ uuid: string }>('POST', `/repository/${path}/notification/`, rule);
    const { manager } = made.dataSource;
    ({ id: ruleId } = await manager.findOneByOrFail(NotificationRule, { uuid: body.uuid }));
    await project.push({ Dockerfile: 'FROM scratch\nCOPY . /\n' });
    await project.waitFor(['waiting']);
    await eventually(() => assert.ok(receiver.received.length > 0), 30_000);
  }

  async function keepPushing(client: RegistryClient, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const image = buildImage({ layers: [randomBytes(20_000)] });
      const tag = `tag-${pushed.length}`;
      const { status } = await pushImage(client, project.path, image, tag);
      assert.equal(status, 201);
      const blobs = [image.config.digest, ...image.layers.map(({ digest }) => digest)];
      pushed.push({ tag, digest: image.digest, blobs });
      if (pushed.length === 1) await leaveScanOpen(image.digest);
    }
  }

  /** As when the dump is taken while its scan runs. */
  async function leaveScanOpen(digest: string): Promise<void> {
    const { manager } = made.dataSource;
    const { id } = await manager.findOneByOrFail(Manifest, { digest });
    await eventually(async () => {
      const row = await manager.findOneByOrFail(IndexReportRow, { manifestId: id });
      assert.notEqual(row.status, 'queued');
    }, 30_000);
    await manager.update(IndexReportRow, { manifestId: id }, { status: 'queued' });
  }

  const slipway = (args: string[], changes: Partial<Config> = {}) => {
    const path = join(home, 'cli.yaml');
    writeFileSync(path, JSON.stringify({ ...config, MAIL_CATCHER: undefined, ...changes }));
    const env = { ...process.env, SLIPWAY_CONFIG: path };
    const options = { env, encoding: 'utf8' as const, timeout: 60_000 };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
    return { status, output: stdout + stderr };
  };
  const cli = join(ROOT, 'dist', 'cli', 'main.js');

  it('is whole: every tag leads to its bytes, and the secrets open', () => {
    const checked = slipway([cli, 'check']);
    assert.equal(checked.status, 0, checked.output);
    assert.match(checked.output, /ok +secrets: open with DATABASE_SECRET_KEY/);
    const { status, output } = slipway([cli, 'fsck', '--deep']);
    assert.equal(status, 0, output);
    assert.match(output, /^clean$/m);
  });

  it('says so when a blob is missing', async () => {
    const { digest = '' } = pushed.at(-1) ?? {};
    const { id } = await restored.dataSource.manager.findOneByOrFail(Manifest, { digest });
    const [blob] = await restored.dataSource.query<{ storage_key: string }[]>(
      'SELECT b.storage_key FROM stored_blob b JOIN manifest_blob m ON m.blob_id = b.id WHERE m.manifest_id = ? AND m.position = 1',
      [id],
    );
    const path = join(home, 'storage', blob?.storage_key ?? '');
    await run('mv', [path, `${path}.away`]);
    const { status, output } = slipway([cli, 'fsck']);
    await run('mv', [`${path}.away`, path]);
    assert.equal(status, 1);
    const line = `: its file is not in storage; needed by ${project.path}:${pushed.at(-1)?.tag}\n`;
    assert.ok(output.startsWith('MISSING') && output.includes(line), output);
    assert.match(output, /^1 finding: 1 missing$/m);
  });

  it('is refused under another secret key, in one sentence', () => {
    const wrong = { DATABASE_SECRET_KEY: 'not the key of this database' };
    const sentence = /DATABASE_SECRET_KEY is not the key with which the secrets of this database were sealed/;
    const checked = slipway([cli, 'check'], wrong);
    assert.equal(checked.status, 1);
    assert.match(checked.output, sentence);
    for (const main of ['serve/main.js', 'workers/main.js']) {
      const args = main.startsWith('workers') ? ['--queues', 'scan'] : [];
      const { status, output } = slipway([join(ROOT, 'dist', main), ...args], { ...wrong, LISTEN_PORT: 1 });
      assert.equal(status, 1);
      assert.match(output, sentence);
    }
  });

  it('has everything that was pushed before it: by tag, by digest, byte for byte', async () => {
    const client = new RegistryClient(restored.base, { username: robot.name, password: robot.token });
    for (const { tag, digest, blobs } of pushed) {
      for (const reference of [tag, digest]) {
        const manifest = await client.expect(200, 'GET', `/v2/${project.path}/manifests/${reference}`);
        assert.equal(sha256(Buffer.from(await manifest.arrayBuffer())), digest);
      }
      for (const blob of blobs) {
        const answer = await client.expect(200, 'GET', `/v2/${project.path}/blobs/${blob}`);
        assert.equal(sha256(Buffer.from(await answer.arrayBuffer())), blob);
      }
    }
  });

  it('has the keys of triggers', async () => {
    installSealingKey(TEST_SECRET_KEY);
    const { id, privateKey } = await made.dataSource.manager.findOneOrFail(BuildTrigger, {
      where: {},
      order: { id: 'DESC' },
    });
    const trigger = await restored.dataSource.manager.findOneByOrFail(BuildTrigger, { id });
    assert.match(trigger.privateKey ?? '', /PRIVATE KEY/);
    assert.equal(trigger.privateKey, privateKey);
  });

  it('brings the schedules back', async () => {
    const ids: string[] = [];
    for await (const { scheduleId } of made.temporal.client.schedule.list()) ids.push(scheduleId);
    await eventually(async () => {
      const there: string[] = [];
      for await (const { scheduleId } of restored.temporal.client.schedule.list()) there.push(scheduleId);
      assert.ok(ids.length > 0);
      assert.deepEqual(there.sort(), ids.sort());
    }, 30_000);
  });

  it('leaves nothing open for ever: deliveries and scans are done again, builds get an end', async () => {
    isReceiving = true;
    const { manager } = restored.dataSource;
    // The product may owe messages of other tests, whose receivers have gone.
    const ours = () => manager.findOneByOrFail(Delivery, { ruleId });
    await eventually(async () => {
      const build = await manager.findOneByOrFail(Build, { uuid: (await project.builds())[0]?.id ?? '' });
      assert.equal(build.phase, 'internalerror');
      assert.match(build.errorMessage ?? '', /queue that held this build has ended without it/);
      assert.equal(await manager.countBy(IndexReportRow, { status: 'queued' }), 0);
      assert.equal((await ours()).status, 'delivered');
    }, 90_000);
    const { uuid } = await ours();
    assert.ok(
      receiver.received.some(({ headers }) => headers['x-slipway-delivery'] === uuid),
      'under the same id',
    );
  });
});

/** As the README tells an operator: the database first, then storage without the uploads under way. */
async function backUp({ config }: Product, folder: string): Promise<void> {
  const url = new URL(config.DATABASE_URL);
  await run('mariadb-dump', [
    '--no-defaults',
    `--host=${url.hostname}`,
    `--port=${url.port}`,
    `--user=${url.username}`,
    '--single-transaction',
    '--hex-blob',
    `--result-file=${join(folder, 'slipway.sql')}`,
    url.pathname.slice(1),
  ]);
  const storage = config.DISTRIBUTED_STORAGE_CONFIG.default[1].storage_path;
  const archive = ['-C', storage, '--exclude=./uploads', '-cf', join(folder, 'blobs.tar'), '.'];
  try {
    await run('tar', archive);
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    // 1 is a folder that grew while it was read.
    assert.ok(code === 1 && /file changed as we read it/.test(stderr ?? ''), String(error));
  }
}
