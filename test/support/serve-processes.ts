import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { DataSource } from 'typeorm';

import { TEST_SECRET_KEY, emptyDatabase } from './database';
import { createDataSource } from '../../db/data-source';
import { migrate } from '../../db/migrate';
import { eventually } from './eventually';
import type { RunningProcess } from './processes';
import { freePort, startProcess } from './processes';

const SERVE = join(__dirname, '..', '..', 'dist', 'serve', 'main.js');

export interface ServeProcesses {
  /** Their name towards clients. */
  host: string;
  ports: number[];
  storagePath: string;
  dataSource: DataSource;
  start(index: number, env?: NodeJS.ProcessEnv): Promise<void>;
  /** Of the process that was started; it may have started others. */
  pid(index: number): number;
  stop(index: number, signal: NodeJS.Signals): Promise<void>;
  /** Answers when it has ended, whoever ended it. */
  ended(index: number): Promise<void>;
  dispose(): Promise<void>;
}

/**
 * Several `serve` of the built product that share a new database and storage, a folder unless `config` names another, reached
 * under one name: that of the first unless `config` names another.
 */
export async function startServeProcesses(
  count: number,
  config: Record<string, unknown> & { SERVER_HOSTNAME?: string } = {},
  { isStarted = true }: { isStarted?: boolean } = {},
): Promise<ServeProcesses> {
  const storagePath = mkdtempSync(join(tmpdir(), 'slw-serve-'));
  const database = { DATABASE_URL: await emptyDatabase(), DATABASE_SECRET_KEY: TEST_SECRET_KEY };
  const dataSource = createDataSource({ ...database, DATABASE_POOL_SIZE: 4 });
  await dataSource.initialize();
  await migrate(dataSource);
  const ports: number[] = [];
  for (let index = 0; index < count; index += 1) ports.push(await freePort());
  const running: (RunningProcess | undefined)[] = [];
  const host = config.SERVER_HOSTNAME ?? `127.0.0.1:${ports[0]}`;

  const made: ServeProcesses = {
    host,
    ports,
    storagePath,
    dataSource,
    async start(index, env = {}) {
      const file = join(storagePath, `config-${index}.yaml`);
      const storage = { default: ['LocalStorage', { storage_path: join(storagePath, 'storage') }] };
      const fields = {
        SERVE_PROCESSES: 1,
        DISTRIBUTED_STORAGE_CONFIG: storage,
        ...config,
        ...database,
        SERVER_HOSTNAME: host,
        LISTEN_PORT: ports[index],
      };
      writeFileSync(file, JSON.stringify(fields));
      const serve = startProcess(process.execPath, [SERVE], {
        ...process.env,
        ...env,
        SLIPWAY_CONFIG: file,
      });
      running[index] = serve;
      await eventually(async () => {
        if (serve.child.exitCode !== null) throw new Error(`serve ended: ${serve.output().slice(-2000)}`);
        const { status } = await fetch(`http://127.0.0.1:${ports[index]}/health`);
        if (status !== 200) throw new Error(`serve is not ready: ${status}`);
      }, 60_000);
    },
    pid: (index) => running[index]?.child.pid ?? 0,
    async stop(index, signal) {
      await running[index]?.stop(signal);
      running[index] = undefined;
    },
    async ended(index) {
      const { child } = running[index] ?? {};
      if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
    async dispose() {
      for (const serve of running) await serve?.stop('SIGTERM');
      await dataSource.destroy();
      rmSync(storagePath, { recursive: true, force: true });
    },
  };
  if (isStarted) await Promise.all(ports.map((_, index) => made.start(index)));
  return made;
}
