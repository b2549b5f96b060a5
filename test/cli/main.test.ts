import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { DataSource } from 'typeorm';

import { authenticateBearer } from '../../auth/bearer';
import { createDataSource } from '../../db/data-source';
import { Blob } from '../../db/entities/content';
import { OutboxRow } from '../../db/entities/outbox';
import { proveBasic, testAuthDeps } from '../support/auth-deps';
import { emptyDatabase, TEST_SECRET_KEY } from '../support/database';

const ROOT = join(__dirname, '..', '..');

interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

describe('the command line', () => {
  let folder: string;
  let url: string;
  let config: string;
  let db: DataSource;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-cli-'));
    url = await emptyDatabase();
    config = await writeConfig('config', { DATABASE_URL: url });
    db = createDataSource({ DATABASE_URL: url, DATABASE_SECRET_KEY: TEST_SECRET_KEY, DATABASE_POOL_SIZE: 2 });
    await db.initialize();
  });

  after(async () => {
    await db.destroy();
    await rm(folder, { recursive: true, force: true });
  });

  /** JSON is YAML. */
  async function writeConfig(name: string, values: object): Promise<string> {
    const path = join(folder, `${name}.yaml`);
    const storage = { default: ['LocalStorage', { storage_path: join(folder, 'storage') }] };
    const common = { SERVER_HOSTNAME: 'slipway.test', DATABASE_SECRET_KEY: TEST_SECRET_KEY };
    const cheap = { PASSWORD_HASH_MEMORY_KIB: 64, PASSWORD_HASH_ITERATIONS: 1 };
    const all = { ...common, ...cheap, DISTRIBUTED_STORAGE_CONFIG: storage, ...values };
    await writeFile(path, JSON.stringify(all));
    return path;
  }

  function slipway(args: string[], configPath = config): Promise<Run> {
    const argv = ['-r', 'tsx/cjs', join(ROOT, 'cli', 'main.ts'), ...args];
    const env = { PATH: process.env.PATH, SLIPWAY_CONFIG: configPath };
    return new Promise((resolve) => {
      execFile(process.execPath, argv, { cwd: ROOT, env }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });
  }

  it('checks, migrates, and checks again', async () => {
    const before = await slipway(['check']);
    assert.equal(before.code, 1);
    assert.match(before.stdout, /^ok {3}database: answers$/m);
    assert.match(before.stdout, /^BAD {2}schema: \d+ migration\(s\) have not run/m);
    const first = await slipway(['migrate']);
    assert.deepEqual([first.code, first.stderr], [0, '']);
    assert.match(first.stdout, /^migrated: Accounts/);
    assert.equal((await slipway(['migrate'])).stdout, 'the schema is up to date\n');
    const after = await slipway(['check', '--json']);
    assert.equal(after.code, 0, after.stdout);
    const report = JSON.parse(after.stdout) as {
      isHealthy: boolean;
      outbox: object;
      checks: { name: string }[];
    };
    assert.equal(report.isHealthy, true);
    assert.deepEqual(report.outbox, { waiting: 0, parked: 0, oldestWaitingAgeMs: null });
    assert.deepEqual(
      report.checks.map(({ name }) => name),
      ['database', 'schema', 'secrets', 'outbox', 'storage'],
    );
  });

  it('makes accounts once, with the password of a file', async () => {
    const file = join(folder, 'password');
    await writeFile(file, 'correct-horse\n', { mode: 0o600 });
    const create = ['admin', 'user', 'create', 'boss', '--superuser', '--password-file', file];
    const made = await slipway([...create, '--email', 'Boss@Example.test']);
    assert.deepEqual(made, { code: 0, stdout: 'superuser "boss" was made\n', stderr: '' });
    const again = await slipway(create);
    assert.deepEqual([again.code, again.stdout], [0, 'user "boss" is there already, with this password\n']);
    await writeFile(file, 'another-horse\n');
    const other = await slipway(create);
    assert.deepEqual(other, { code: 1, stdout: '', stderr: 'slipway: user "boss" already exists\n' });
    const result = await proveBasic(testAuthDeps(db), 'boss@example.test', 'correct-horse');
    assert.ok(result.outcome === 'accepted' && result.identity.kind === 'user' && result.identity.superuser);
  });

  it('makes up a password and prints it when none is given, and sets another one', async () => {
    const made = await slipway(['admin', 'user', 'create', 'ann']);
    const first = /^password: (\S{20})$/m.exec(made.stdout)?.[1] ?? '';
    assert.equal((await proveBasic(testAuthDeps(db), 'ann', first)).outcome, 'accepted');
    const set = await slipway(['admin', 'user', 'password', 'ann']);
    const second = /^password: (\S{20})$/m.exec(set.stdout)?.[1] ?? '';
    assert.equal((await proveBasic(testAuthDeps(db), 'ann', second)).outcome, 'accepted');
    assert.equal((await proveBasic(testAuthDeps(db), 'ann', first)).outcome, 'refused');
  });

  it('prints a bearer token and nothing else', async () => {
    await slipway(['admin', 'user', 'create', 'tim']);
    const { code, stdout } = await slipway([
      'admin',
      'token',
      'tim',
      '--scopes',
      'repo:read,org:admin',
      '--expires',
      '1h',
    ]);
    assert.equal(code, 0);
    assert.match(stdout, /^[A-Za-z0-9]{40}\n$/);
    const identity = await authenticateBearer(testAuthDeps(db), stdout.trim());
    assert.deepEqual(identity?.kind === 'user' && identity.scopes, ['repo:read', 'org:admin']);
    const later = testAuthDeps(db, { now: () => Date.now() + 3_700_000 });
    assert.equal(await authenticateBearer(later, stdout.trim()), undefined);
  });

  it('says in one sentence what went wrong', async () => {
    const nobody = await slipway(['admin', 'token', 'nobody']);
    assert.deepEqual(nobody, { code: 1, stdout: '', stderr: 'slipway: there is no user "nobody"\n' });
    const noFile = await slipway(['admin', 'user', 'create', 'new', '--password-file', join(folder, 'none')]);
    assert.match(noFile.stderr, /^slipway: the password file cannot be read: ENOENT[^\n]+\n$/);
    const unreachable = await writeConfig('unreachable', { DATABASE_URL: 'mysql://root@127.0.0.1:1/none' });
    const refused = await slipway(['migrate'], unreachable);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^slipway: the database cannot be reached: [^\n]*ECONNREFUSED[^\n]*\n$/);
    const broken = await writeConfig('broken', { DATABASE_URL: 'postgres://x', LISTEN_PORT: 'abc' });
    const problems = await slipway(['migrate'], broken);
    assert.equal(problems.code, 1);
    assert.match(
      problems.stderr,
      /DATABASE_URL[^\n]+\n[^\n]+LISTEN_PORT|LISTEN_PORT[^\n]+\n[^\n]+DATABASE_URL/,
    );
  });

  it('tells wrong use from failure, and helps without any configuration', async () => {
    const wrong = [
      ['admin', 'user', 'create'],
      ['admin', 'token', 'ann', '--scopes', 'everything'],
      ['migrate', '--force'],
    ];
    for (const args of wrong) {
      const { code, stderr } = await slipway(args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^slipway: [^\n]+; see --help\n$/);
    }
    const all = await slipway(['--help'], join(folder, 'no-such-file'));
    assert.equal(all.code, 0);
    assert.match(all.stdout, /slipway admin user create <name> \[options\]/);
    const one = await slipway(['admin', 'token', '--help'], join(folder, 'no-such-file'));
    assert.equal(one.code, 0);
    assert.match(one.stdout, /^usage: slipway admin token <user> \[options\]\n[^]*--expires <duration>/);
  });

  it('compares the database with storage, in lines for people or for scripts', async () => {
    await slipway(['migrate']);
    await mkdir(join(folder, 'storage'), { recursive: true });
    const clean = await slipway(['fsck', '--deep']);
    assert.equal(clean.code, 0, clean.stderr);
    assert.match(clean.stdout, /^0 tags, 0 manifests, 0 blobs of 0 bytes [^\n]+\nclean\n$/);
    const digest = `sha256:${'ab'.repeat(32)}`;
    const storageKey = `sha256/ab/${'ab'.repeat(32)}.1000`;
    const row = { digest, storageKey, sizeBytes: 1, state: 'live' as const, createdAtMs: 1 };
    await db.manager.insert(Blob, row);
    const found = await slipway(['fsck']);
    const json = await slipway(['fsck', '--json', '--min-age', '2d']);
    await db.manager.delete(Blob, { digest });
    assert.deepEqual([found.code, found.stderr], [1, '']);
    const line = `MISSING     blob ${digest} (file ${storageKey}): its file is not in storage`;
    assert.equal(found.stdout.split('\n')[0], line);
    assert.match(found.stdout, /^1 finding: 1 missing$/m);
    assert.equal(json.code, 1);
    const [finding, summary] = json.stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as { type: string; file?: string; isClean?: boolean });
    assert.deepEqual([finding?.type, finding?.file], ['finding', storageKey]);
    assert.deepEqual([summary?.type, summary?.isClean], ['summary', false]);
    const wrong = await slipway(['fsck', '--min-age', 'soon']);
    assert.deepEqual([wrong.code, wrong.stdout], [2, '']);
    assert.equal(wrong.stderr, 'slipway: "soon" is no duration such as 30s or 1h; see --help\n');
  });

  it('compares with storage that takes nothing, makes none where there is none', async () => {
    const storage = (path: string) => ({
      DATABASE_URL: url,
      DISTRIBUTED_STORAGE_CONFIG: { default: ['LocalStorage', { storage_path: path }] },
    });
    const path = join(folder, 'no-disk');
    const missing = await slipway(['fsck'], await writeConfig('no-disk', storage(path)));
    assert.deepEqual([missing.code, missing.stdout], [1, '']);
    assert.match(missing.stderr, /^slipway: storage cannot be used: ENOENT: [^\n]+no-disk'\n$/);
    await mkdir(path);
    const empty = await slipway(['fsck'], await writeConfig('empty', storage(path)));
    assert.deepEqual([empty.code, await readdir(path)], [0, []], empty.stderr);
  });

  it('compares nothing before the schema is there', async () => {
    const bare = await writeConfig('bare', { DATABASE_URL: await emptyDatabase() });
    const { code, stdout, stderr } = await slipway(['fsck'], bare);
    assert.deepEqual([code, stdout], [1, '']);
    assert.equal(stderr, 'slipway: the schema is not current; run "migrate"\n');
  });

  it('finds late and parked outbox rows and storage that cannot be written to', async () => {
    const row = { orderingKey: 'k', kind: 'delivery.created' as const, payload: {}, availableAtMs: 1 };
    const eventId = (n: number) => `00000000-0000-4000-8000-00000000000${n}`;
    await db.manager.insert(OutboxRow, { ...row, eventId: eventId(1), createdAtMs: Date.now() - 120_000 });
    await db.manager.insert(OutboxRow, { ...row, eventId: eventId(2), createdAtMs: 1, parkedAtMs: 2 });
    const path = join(folder, 'a-file');
    await writeFile(path, '');
    const values = { DISTRIBUTED_STORAGE_CONFIG: { default: ['LocalStorage', { storage_path: path }] } };
    const bad = await writeConfig('bad-storage', { ...values, DATABASE_URL: url });
    const { code, stdout } = await slipway(['check'], bad);
    assert.equal(code, 1);
    assert.match(stdout, /^BAD {2}outbox: 1 waiting, the oldest for 12\d s; 1 parked/m);
    assert.match(stdout, /^BAD {2}storage: /m);
  });
});
