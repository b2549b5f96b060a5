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
import { dockerHost as dockerHostOfRun } from './docker';
import { uniqueName } from './factories';
import type { RunningProcess } from './processes';
import { freePort } from './processes';
import { RestartableServer } from './restartable-server';
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
  parts: ReadonlyMap<PartName, RestartableServer>;
  person(): Promise<Person>;
  /** Stops the parts, and removes the product's folder. */
  dispose(): Promise<void>;
}

/** What a product stands on; the servers of the test run unless a test brings its own. */
export interface ProductGround {
  home: string;
  databaseUrl: string;
  dockerHost: string;
  temporal: OwnTemporal;
  /** Fields of the configuration beside the usual ones. */
  config?: Record<string, unknown>;
  /** All by default. */
  parts?: PartName[];
  /** What is done before anything starts. */
  fill?: (home: string, config: Config) => Promise<void>;
}

let shared: Promise<Product> | undefined;

/** One product for all tests that put back what they take down. */
export function product(): Promise<Product> {
  shared ??= startSharedProduct();
  return shared;
}

async function startSharedProduct(): Promise<Product> {
  const smtpPort = await freePort();
  const home = makeHome();
  const catcher = { SMTP_PORT: smtpPort, HTTP_PORT: await freePort(), PATH: join(home, 'mail') };
  return startForRun({
    home,
    databaseUrl: await emptyDatabase(),
    config: { MAIL_PORT: smtpPort, MAIL_CATCHER: catcher },
  });
}

/**
 * One more product, on a database and with storage that `fill` put there, an empty Temporal and ports of its own; without
 * a build worker.
 */
export function restoredProduct(
  databaseUrl: string,
  fill: (home: string, config: Config) => Promise<void>,
): Promise<Product> {
  return startForRun({
    home: makeHome(),
    databaseUrl,
    fill,
    config: { WORKFLOW_TIMINGS: { reapOrphansEveryMs: 2000 } },
    parts: ['serve', 'relay', 'worker'],
  });
}

function makeHome(): string {
  return mkdtempSync(join(tmpdir(), 'slipway-product-'));
}

/** On the engine of the run; ends with it. */
async function startForRun(ground: Omit<ProductGround, 'dockerHost' | 'temporal'>): Promise<Product> {
  const temporal = await ownTemporal(join(ground.home, 'temporal.db'));
  atEndOfRun(() => temporal.dispose());
  const made = await startProduct({ ...ground, temporal, dockerHost: await dockerHostOfRun() });
  atEndOfRun(() => made.dispose());
  return made;
}

/** A product of a test's own, which disposes of it. */
export async function startProduct(ground: ProductGround): Promise<Product> {
  if (!existsSync(join(DIST, 'serve', 'main.js'))) {
    throw new Error('build the product first: npm run build:dist');
  }
  const { home, temporal, parts: names = Object.keys(PARTS) as PartName[] } = ground;
  const config = await configure(ground);
  await ground.fill?.(home, config);
  const configPath = join(home, 'config.yaml');
  writeFileSync(configPath, JSON.stringify(config));
  const dataSource = createDataSource(config);
  await dataSource.initialize();
  await migrate(dataSource);

  const parts = new Map<PartName, RestartableServer>();
  for (const name of names) parts.set(name, createPart(name, configPath));
  const partOf = (name: PartName) => {
    const part = parts.get(name);
    if (!part) throw new Error(`there is no part ${name}`);
    return part;
  };
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
    parts,
    async start(part) {
      await partOf(part).start();
    },
    async another(part, changes = {}) {
      const path = join(home, `${uniqueName('another')}.yaml`);
      writeFileSync(path, JSON.stringify({ ...config, MAIL_CATCHER: undefined, ...changes }));
      return createPart(part, path).start();
    },
    kill: (part, signal) => partOf(part).stop(signal),
    pid: (part) => partOf(part).pid,
    log: (part) => partOf(part).output(),
    person: () => Promise.resolve(makePerson(made, cli)),
    async dispose() {
      for (const part of parts.values()) await part.stop();
      await dataSource.destroy();
      rmSync(home, { recursive: true, force: true });
    },
  };
  try {
    for (const part of parts.values()) await part.start();
  } catch (error) {
    await made.dispose();
    throw error;
  }
  return made;
}

function createPart(name: PartName, configPath: string): RestartableServer {
  const [script, ...args] = PARTS[name];
  const port = freePort();
  const env = { ...process.env, SLIPWAY_CONFIG: configPath };
  return new RestartableServer({
    name,
    command: process.execPath,
    args: () => [join(DIST, script), ...args],
    env: () => port.then((number) => ({ ...env, SLIPWAY_HEALTH_PORT: String(number) })),
    async ready() {
      const url = `http://127.0.0.1:${await port}/health`;
      const { status } = await fetch(url, { signal: AbortSignal.timeout(10_000) });
      if (status !== 200) throw new Error(`its health is ${status}`);
    },
  });
}

async function configure({
  home,
  temporal,
  databaseUrl,
  dockerHost,
  config,
}: ProductGround): Promise<Config> {
  const port = await freePort();
  for (const folder of ['storage', 'builds', 'advisories']) mkdirSync(join(home, folder));
  return parseConfig({
    SERVER_HOSTNAME: `127.0.0.1:${port}`,
    LISTEN_PORT: port,
    DATABASE_URL: databaseUrl,
    DATABASE_SECRET_KEY: TEST_SECRET_KEY,
    TEMPORAL_ADDRESS: temporal.address,
    DISTRIBUTED_STORAGE_CONFIG: { default: ['LocalStorage', { storage_path: join(home, 'storage') }] },
    MAIL_USE_TLS: false,
    OUTBOUND_ALLOWED_NETWORKS: ['127.0.0.0/8'],
    DOCKER_HOST: dockerHost,
    BUILD_WORK_DIR: join(home, 'builds'),
    BUILD_HOST_ID: 'test-builder',
    ADVISORIES_PATH: join(home, 'advisories'),
    SERVE_PROCESSES: 1,
    SHUTDOWN_NOTICE: '0s',
    BUILD_SHUTDOWN_GRACE: '5s',
    ...config,
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
