import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createConnection } from 'mysql2/promise';

import { atEndOfRun } from './cleanup';
import { freePort } from './processes';
import { RestartableServer } from './restartable-server';

export interface DatabaseServer {
  port: number;
  pid: number;
  /** `mysql://…` of an administrator on the given database. */
  url(database: string): string;
}

/** One that a test takes down and brings back. */
export interface OwnMariadb extends DatabaseServer {
  server: RestartableServer;
  dispose(): Promise<void>;
}

let server: Promise<DatabaseServer> | undefined;

/**
 * The private MariaDB of this test run: started by whoever asks first, stopped at the end. `SLIPWAY_TEST_DATABASE`
 * (`mysql://root:password@127.0.0.1:3306`) names another server in its place, say a MySQL.
 */
export function mariadb(): Promise<DatabaseServer> {
  const named = process.env.SLIPWAY_TEST_DATABASE;
  server ??= named ? Promise.resolve(serverAt(new URL(named))) : anotherMariadb();
  return server;
}

function serverAt(address: URL): DatabaseServer {
  return {
    port: Number(address.port || 3306),
    pid: 0,
    url: (database) => new URL(`/${database}`, address).href,
  };
}

/** One more server, empty; stopped at the end of the run. */
export async function anotherMariadb(): Promise<DatabaseServer> {
  const own = await ownMariadb();
  atEndOfRun(() => own.dispose());
  return own;
}

/** A server with an empty data folder of its own, started; one that is `durable` syncs at every commit, as in production. */
export async function ownMariadb({ durable = false } = {}): Promise<OwnMariadb> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-test-mysql-'));
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  execFileSync(
    'mariadb-install-db',
    [
      '--no-defaults',
      ...user,
      `--datadir=${folder}/data`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ],
    { stdio: 'ignore' },
  );
  const port = await freePort();
  const daemon = new RestartableServer({
    name: 'MariaDB',
    command: mariadbd(),
    args: () => [...serverArgs(folder, port, user), ...(durable ? [] : [FAST_COMMITS])],
    ready: async () =>
      (await createConnection({ host: '127.0.0.1', port, user: 'root', connectTimeout: 5000 })).end(),
    readyMs: 30_000,
  });
  await daemon.start();
  return {
    server: daemon,
    port,
    get pid() {
      return daemon.pid;
    },
    url: (database) => `mysql://root@127.0.0.1:${port}/${database}`,
    async dispose() {
      await daemon.stop('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What survives a kill of the server, but not a power cut. */
const FAST_COMMITS = '--innodb-flush-log-at-trx-commit=2';

function serverArgs(folder: string, port: number, user: string[]): string[] {
  return [
    '--no-defaults',
    ...user,
    `--datadir=${folder}/data`,
    `--socket=${folder}/s`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    '--skip-name-resolve',
    '--skip-grant-tables',
    '--skip-log-bin',
    '--innodb-buffer-pool-size=256M',
    '--max-connections=400',
    '--character-set-server=utf8mb4',
    '--collation-server=utf8mb4_bin',
  ];
}

function mariadbd(): string {
  const named = process.env.SLIPWAY_MARIADBD_BIN;
  return (
    named ?? ['/usr/sbin/mariadbd', '/usr/libexec/mariadbd'].find((path) => existsSync(path)) ?? 'mariadbd'
  );
}
