import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';
import type { WorkerOptions, WorkflowBundleWithSourceMap } from '@temporalio/worker';

import { DYNAMIC_CONFIG, SQLITE_PRAGMAS } from '../../bin/launcher/parts/private-temporal.cjs';
import * as searchAttributes from '../../workflows/shared/search-attributes';
import { atEndOfRun } from './cleanup';
import { freePort } from './processes';
import { RestartableServer } from './restartable-server';

const TEST_NAMESPACE = 'default';

export interface TestTemporal {
  /** `127.0.0.1:<port>`; stays the same over stop and start. */
  address: string;
  namespace: string;
  /** Connects lazily, so it survives an outage of the server. */
  client: Client;
}

/** A dev server of one test's own, which can be away for a while; what it knows survives in `dbFile`. */
export interface OwnTemporal extends TestTemporal {
  server: RestartableServer;
  start(): Promise<void>;
  /** SIGKILL by default: an outage, not a farewell. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Stops the server and closes the client. */
  dispose(): Promise<void>;
}

let shared: Promise<TestTemporal> | undefined;
let native: Promise<NativeConnection> | undefined;
let bundle: Promise<WorkflowBundleWithSourceMap> | undefined;
let runtimeInstalled = false;

/** The one dev server of this test run: started by whoever asks first, stopped at the end. */
export function temporal(): Promise<TestTemporal> {
  shared ??= startShared();
  return shared;
}

/** Starts a server that the caller stops, starts again and disposes of; in memory unless `dbFile` is given. */
export async function ownTemporal(dbFile?: string): Promise<OwnTemporal> {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const connection = Connection.lazy({ address });
  const daemon = createServer(port, dbFile);
  const server: OwnTemporal = {
    address,
    namespace: TEST_NAMESPACE,
    client: new Client({ connection, namespace: TEST_NAMESPACE, identity: 'client' }),
    server: daemon,
    async start() {
      await daemon.start();
    },
    stop: (signal = 'SIGKILL') => daemon.stop(signal),
    async dispose() {
      await connection.close();
      await server.stop();
    },
  };
  await server.start();
  return server;
}

/** The bundle of `workflows/index.ts`, made once per process, as the production build makes it. */
export function workflowBundle(): Promise<WorkflowBundleWithSourceMap> {
  installQuietRuntime();
  bundle ??= bundleWorkflowCode({
    workflowsPath: require.resolve('../../workflows/index'),
    logger: new DefaultLogger('ERROR'),
  });
  return bundle;
}

export interface TestWorkers {
  /** Queue of the workflow code; make it unique (`queueName()`) unless the workflow under test demands a certain one. */
  taskQueue: string;
  /** Activities on `taskQueue` itself, local ones included. */
  activities?: object;
  /** Activities per other queue, as `{ [QUEUES.scan]: createScanActivities(deps) }`. */
  queues?: Record<string, object>;
  /** Extra options of every worker. */
  options?: Partial<WorkerOptions>;
}

export interface WorkerBench extends TestTemporal {
  taskQueue: string;
}

/** Runs `use` while workers for these queues poll the shared server, and stops them after it, whatever its outcome. */
export async function runWithWorker<T>(
  { taskQueue, activities = {}, queues = {}, options }: TestWorkers,
  use: (bench: WorkerBench) => Promise<T>,
): Promise<T> {
  const server = await temporal();
  native ??= connectNative(server.address);
  const base = {
    connection: await native,
    namespace: server.namespace,
    identity: 'worker',
    maxHeartbeatThrottleInterval: '1s',
    shutdownForceTime: '5s',
    ...options,
  } as const;
  const others: Worker[] = [];
  const main = await Worker.create({
    ...base,
    taskQueue,
    activities,
    workflowBundle: await workflowBundle(),
  });
  try {
    for (const [queue, hosted] of Object.entries(queues)) {
      others.push(await Worker.create({ ...base, taskQueue: queue, activities: hosted }));
    }
  } catch (error) {
    // A worker lets go of the connection only by running to its end.
    for (const worker of [main, ...others]) await worker.runUntil(Promise.resolve());
    throw error;
  }
  const running = others.map((worker) => worker.run());
  try {
    return await main.runUntil(() => use({ ...server, taskQueue }));
  } finally {
    for (const worker of others) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.all(running);
  }
}

let counter = 0;

/** A task queue or workflow id that no other test of this run uses. */
export function queueName(stem: string): string {
  return `${stem}-${process.pid}-${(counter += 1)}`;
}

/** Once per process and before anything native: tests print errors of the SDK and nothing else. */
export function installQuietRuntime(): void {
  if (runtimeInstalled) return;
  runtimeInstalled = true;
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
}

async function startShared(): Promise<TestTemporal> {
  const server = await ownTemporal();
  atEndOfRun(() => server.dispose());
  return server;
}

async function connectNative(address: string): Promise<NativeConnection> {
  installQuietRuntime();
  const connection = await NativeConnection.connect({ address });
  atEndOfRun(() => connection.close());
  return connection;
}

function createServer(port: number, dbFile?: string): RestartableServer {
  return new RestartableServer({
    name: 'Temporal',
    command: temporalBinary(),
    args: async () => [
      ...['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(port)],
      ...['--http-port', String(await freePort()), '--metrics-port', String(await freePort())],
      ...['--namespace', TEST_NAMESPACE, '--log-level', 'error'],
      ...DYNAMIC_CONFIG,
      ...Object.values(searchAttributes).flatMap(({ name }) => ['--search-attribute', `${name}=Keyword`]),
      ...(dbFile ? ['--db-filename', dbFile, ...SQLITE_PRAGMAS] : []),
    ],
    ready: () => assertReady(`127.0.0.1:${port}`),
    readyMs: 30_000,
  });
}

async function assertReady(address: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: '1s' });
  try {
    await connection.withDeadline(Date.now() + 1000, async () => {
      const { customAttributes } = await connection.operatorService.listSearchAttributes({
        namespace: TEST_NAMESPACE,
      });
      for (const { name } of Object.values(searchAttributes)) {
        if (!(name in customAttributes)) throw new Error(`search attribute ${name} is not there yet`);
      }
    });
  } finally {
    await connection.close();
  }
}

/** `SLIPWAY_TEMPORAL_BIN`, the user's cache, or whatever PATH has. */
export function temporalBinary(): string {
  const named = process.env.SLIPWAY_TEMPORAL_BIN;
  if (named) return named;
  const cached = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'slipway', 'bin', 'temporal');
  return existsSync(cached) ? cached : 'temporal';
}
