import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { DataSource } from 'typeorm';

import { createPasswords } from '../../auth/passwords';
import { parseConfig } from '../../config/load';
import { createDataSource } from '../../db/data-source';
import { migrate } from '../../db/migrate';
import { TEST_SECRET_KEY, emptyDatabase } from '../../test/support/database';
import { buildUser } from '../../test/support/factories';
import { ownMariadb } from '../../test/support/mariadb';
import { freePort } from '../../test/support/processes';
import { processTree } from './accounting';
import { startServer } from './server-process';
import type { Side } from './side';
import { tagName } from './side';

const SERVE = join(__dirname, '..', '..', 'dist', 'serve', 'main.js');
const PASSWORD = 'a password for benches only';

/** Why it cannot run, in a sentence. */
export function slipwayIsMissing(): string | undefined {
  return existsSync(SERVE) ? undefined : 'the product is not built: npm run build';
}

/** `serve` of the built product as it ships, on a database of its own that syncs at every commit. */
export async function startSlipway(processes: number | undefined): Promise<Side> {
  const database = await ownMariadb({ durable: true });
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const storagePath = join(folder, 'storage');
  const fields = {
    SERVER_HOSTNAME: host,
    LISTEN_PORT: port,
    DATABASE_URL: await emptyDatabase(database),
    DATABASE_SECRET_KEY: TEST_SECRET_KEY,
    DISTRIBUTED_STORAGE_CONFIG: { default: ['LocalStorage', { storage_path: storagePath }] },
    ...(processes !== undefined && { SERVE_PROCESSES: processes }),
    SHUTDOWN_NOTICE: '0s',
  };
  const configFile = join(folder, 'config.yaml');
  writeFileSync(configFile, JSON.stringify(fields));
  const config = parseConfig(fields);
  const dataSource = createDataSource({ ...config, DATABASE_POOL_SIZE: 2 });
  await dataSource.initialize();
  await migrate(dataSource);
  const passwordHash = await createPasswords(config).hash(PASSWORD);
  const { name } = (await buildUser(dataSource, { passwordHash })).account;
  const serve = await startServer(process.execPath, [SERVE], {
    logFile: join(folder, 'serve.log'),
    url: `http://${host}/health`,
    env: { SLIPWAY_CONFIG: configFile },
  });
  const basic = `Authorization: Basic ${Buffer.from(`${name}:${PASSWORD}`).toString('base64')}\r\n`;
  const scopeOf = (repository: string) => `repository:${repository}:pull,push`;
  const tokenPath = (repository: string) => `/v2/auth?service=${host}&scope=${scopeOf(repository)}`;
  return {
    name: 'slipway',
    version: `node ${process.version}`,
    port,
    namespace: name,
    async headersFor(repository) {
      const headers = { authorization: basic.slice('Authorization: '.length).trim() };
      const response = await fetch(`http://${host}${tokenPath(repository)}`, { headers });
      const { token } = (await response.json()) as { token?: string };
      if (token === undefined) throw new Error(`no token: ${response.status}`);
      return `Authorization: Bearer ${token}\r\n`;
    },
    pids: () => processTree(serve.pid),
    databasePids: () => processTree(database.pid),
    removeBlobs(digests) {
      for (const digest of digests) {
        const hex = digest.slice('sha256:'.length);
        const place = join(storagePath, 'sha256', hex.slice(0, 2));
        for (const file of readdirSync(place)) if (file.startsWith(hex)) rmSync(join(place, file));
      }
    },
    fillTags: (repository, tag, count) => fillTags(dataSource, { repository, tag, count }),
    tokenRequest: { path: tokenPath(`${name}/small`), headers: basic },
    healthPath: '/health',
    async stop() {
      await dataSource.destroy();
      await serve.stop();
      await database.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Filling {
  repository: string;
  tag: string;
  count: number;
}

/** Copies of the one tag under other names, in one statement. */
async function fillTags(dataSource: DataSource, { repository, tag, count }: Filling): Promise<void> {
  const digits = `(SELECT 0 AS d ${Array.from({ length: 9 }, (_, index) => `UNION SELECT ${index + 1}`).join(' ')})`;
  const places = ['a', 'b', 'c', 'd', 'e', 'f'];
  const nth = places.map((place, index) => `${place}.d * ${10 ** index}`).join(' + ');
  await dataSource.query(
    `INSERT INTO tag (repository_id, name, manifest_id, digest, lifetime_start_ms, lifetime_end_ms, is_current, reversion, immutable)
     SELECT t.repository_id, CONCAT('v', LPAD(n.nth, 6, '0')), t.manifest_id, t.digest, t.lifetime_start_ms, NULL, 1, 0, 0
       FROM tag t JOIN repository r ON r.id = t.repository_id
       JOIN (SELECT ${nth} AS nth FROM ${places.map((place) => `${digits} ${place}`).join(', ')}) n ON n.nth < ?
      WHERE r.name = ? AND t.name = ?`,
    [count - 1, repository.split('/').at(-1), tag],
  );
  const [row] = await dataSource.query<{ present: unknown }[]>(
    `SELECT COUNT(*) AS present FROM tag WHERE name = ? AND repository_id = (SELECT id FROM repository WHERE name = ?)`,
    [tagName(count - 2), repository.split('/').at(-1)],
  );
  if (Number(row?.present) !== 1) throw new Error(`${repository} has not got ${count} tags`);
}
