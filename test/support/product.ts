import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';

import type { DataSource } from 'typeorm';

import { parseConfig } from '../../config/load';
import type { Config } from '../../config/schema';
import { createDataSource } from '../../db/data-source';
import { migrate } from '../../db/migrate';
import { atEndOfRun } from './cleanup';
import { emptyDatabase, TEST_SECRET_KEY } from './database';
import { dockerHost } from './docker';
import { eventually } from './eventually';
import { uniqueName } from './factories';
import type { RunningProcess } from './processes';
import { freePort, startProcess } from './processes';
import type { OwnTemporal } from './temporal';
import { ownTemporal } from './temporal';

const DIST = join(__dirname, '..', '..', 'dist');

const PARTS = {
  serve: ['serve/main.js'],
  relay: ['workers/relay-main.js'],
  'build worker': ['workers/main.js', '--queues', 'build'],
  worker: ['workers/main.js', '--queues', 'orchestration,scan,deliver,maintenance'],
} as const;
type PartName = keyof typeof PARTS;

export interface Person {
  name: string;
  password: string;
  email: string;
  /** A bearer token with every scope. */
  token: string;
  call<T = unknown>(method: string, path: string, body?: unknown): Promise<Answer<T>>;
}

interface Answer<T> {
  status: number;
  body: T;
}

/** The whole product as separate processes, as the launcher runs it, on servers of the test run. */
export interface Product {
  /** `127.0.0.1:<port>`: the registry's name in references. */
  host: string;
  base: string;
  home: string;
  config: Config;
  dataSource: DataSource;
  temporal: OwnTemporal;
  mailUrl: string;
  start(part: PartName): Promise<void>;
  /** One more process of a kind; `changes` go over the configuration. The caller ends it. */
  another(part: PartName, changes?: Partial<Config>): Promise<RunningProcess>;
  kill(part: PartName, signal: NodeJS.Signals): Promise<void>;
  pid(part: PartName): number;
  log(part: PartName): string;
  person(): Promise<Person>;
}

let shared: Promise<Product> | undefined;

/** One product for all tests that put back what they take down. */
export function product(): Promise<Product> {
  shared ??= startProduct();
  return shared;
}

async function startProduct(): Promise<Product> {
  if (!existsSync(join(DIST, 'serve', 'main.js'))) {
    throw new Error('build the product first: npm run build:dist');
  }
  const home = makeHome();
  const temporal = await ownTemporal(join(home, 'temporal.db'));
  const config = await configure(home, temporal, await emptyDatabase());
  return runProduct({ home, config, temporal, parts: Object.keys(PARTS) as PartName[] });
}

/**
 * One more product, on a database and with storage that `fill` put there, an empty Temporal and ports of its own; without
 * a build worker.
 */
export async function restoredProduct(
  databaseUrl: string,
  fill: (home: string, config: Config) => Promise<void>,
): Promise<Product> {
  const home = makeHome();
  const temporal = await ownTemporal(join(home, 'temporal.db'));
  const configured = await configure(home, temporal, databaseUrl);
  const config = { ...configured, WORKFLOW_TIMINGS: { reapOrphansEveryMs: 2000 } };
  await fill(home, config);
  return runProduct({ home, config, temporal, parts: ['serve', 'relay', 'worker'] });
}

function makeHome(): string {
  return mkdtempSync(join(tmpdir(), 'slipway-product-'));
}

interface Place {
  home: string;
  config: Config;
  temporal: OwnTemporal;
  parts: PartName[];
}

async function runProduct({ home, config, temporal, parts }: Place): Promise<Product> {
  const configPath = join(home, 'config.yaml');
  writeFileSync(configPath, JSON.stringify(config));
  const dataSource = createDataSource(config);
  await dataSource.initialize();
  await migrate(dataSource);

  const running = new Map<PartName, RunningProcess>();
  const cli = (...args: string[]) =>
    execFileSync(process.execPath, [join(DIST, 'cli', 'main.js'), ...args], {
      env: { ...process.env, SLIPWAY_CONFIG: configPath },
      encoding: 'utf8',
    }).trim();

  const made: Product = {
    host: config.SERVER_HOSTNAME,
    base: `http://${config.SERVER_HOSTNAME}`,
    home,
    config,
    dataSource,
    temporal,
    mailUrl: `http://127.0.0.1:${config.MAIL_CATCHER?.HTTP_PORT}`,
    async start(part) {
      const healthPort = await freePort();
      const started = launch(part, configPath, healthPort);
      running.set(part, started);
      await untilReady(part, started, healthPort);
    },
    async another(part, changes = {}) {
      const healthPort = await freePort();
      const path = join(home, `${uniqueName('another')}.yaml`);
      writeFileSync(path, JSON.stringify({ ...config, MAIL_CATCHER: undefined, ...changes }));
      const started = launch(part, path, healthPort);
      await untilReady(part, started, healthPort);
      return started;
    },
    async kill(part, signal) {
      await running.get(part)?.stop(signal);
      running.delete(part);
    },
    pid: (part) => running.get(part)?.child.pid ?? 0,
    log: (part) => running.get(part)?.output() ?? '',
    person: () => Promise.resolve(makePerson(made, cli)),
  };
  atEndOfRun(async () => {
    for (const part of running.keys()) await made.kill(part, 'SIGTERM');
    await dataSource.destroy();
    await temporal.dispose();
    rmSync(home, { recursive: true, force: true });
  });
  for (const part of parts) await made.start(part);
  return made;
}

function launch(part: PartName, configPath: string, healthPort: number): RunningProcess {
  const [script, ...args] = PARTS[part];
  const env = { ...process.env, SLIPWAY_CONFIG: configPath, SLIPWAY_HEALTH_PORT: String(healthPort) };
  return startProcess(process.execPath, [join(DIST, script), ...args], env);
}

async function untilReady(part: PartName, started: RunningProcess, healthPort: number): Promise<void> {
  await eventually(async () => {
    if (started.child.exitCode !== null) throw new Error(`${part} ended: ${started.output().slice(-3000)}`);
    const { status } = await fetch(`http://127.0.0.1:${healthPort}/health`);
    if (status !== 200) throw new Error(`${part} is not ready: ${started.output().slice(-1000)}`);
  }, 60_000);
}

async function configure(home: string, temporal: OwnTemporal, databaseUrl: string): Promise<Config> {
  const port = await freePort();
  for (const folder of ['storage', 'builds', 'mail', 'advisories']) mkdirSync(join(home, folder));
  const smtpPort = await freePort();
  return parseConfig({
    SERVER_HOSTNAME: `127.0.0.1:${port}`,
    LISTEN_PORT: port,
    DATABASE_URL: databaseUrl,
    DATABASE_SECRET_KEY: TEST_SECRET_KEY,
    TEMPORAL_ADDRESS: temporal.address,
    DISTRIBUTED_STORAGE_CONFIG: { default: ['LocalStorage', { storage_path: join(home, 'storage') }] },
    MAIL_PORT: smtpPort,
    MAIL_USE_TLS: false,
    MAIL_CATCHER: { SMTP_PORT: smtpPort, HTTP_PORT: await freePort(), PATH: join(home, 'mail') },
    OUTBOUND_ALLOWED_NETWORKS: ['127.0.0.0/8'],
    DOCKER_HOST: await dockerHost(),
    BUILD_WORK_DIR: join(home, 'builds'),
    BUILD_HOST_ID: 'test-builder',
    ADVISORIES_PATH: join(home, 'advisories'),
    SHUTDOWN_NOTICE: '0s',
    BUILD_SHUTDOWN_GRACE: '5s',
  });
}

function makePerson(made: Product, cli: (...args: string[]) => string): Person {
  const name = uniqueName('ann');
  const password = `pass-${name}`;
  const email = `${name}@example.com`;
  const passwordFile = join(made.home, `${name}.password`);
  writeFileSync(passwordFile, password);
  cli('admin', 'user', 'create', name, '--email', email, '--password-file', passwordFile);
  rmSync(passwordFile);
  const token = cli('admin', 'token', name);
  return {
    name,
    password,
    email,
    token,
    async call<T>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
      const response = await fetch(`${made.base}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as T };
    },
  };
}
