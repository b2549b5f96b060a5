import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { DataSource } from 'typeorm';

import { parseConfig } from '../../config/load';
import type { Config } from '../../config/schema';
import { createRegistryHandler } from '../../registry/handler';
import { createStorage } from '../../storage/create-storage';
import type { Logger } from '../../telemetry/logger';
import { silentLogger } from '../../telemetry/logger';
import { testPasswords } from './auth-deps';
import { sharedDatabase, TEST_SECRET_KEY } from './database';
import { freePort } from './processes';

export interface TestRegistry {
  /** `127.0.0.1:<port>`, its name towards clients. */
  host: string;
  url: string;
  dataSource: DataSource;
  storagePath: string;
  close(): Promise<void>;
}

export interface TestRegistryOptions {
  dataSource?: DataSource;
  /** Shared by several instances; a temporary folder otherwise. */
  storagePath?: string;
  config?: Partial<Config>;
  /** The name that clients know, when another instance already has it. */
  host?: string;
  now?: () => number;
  /** Silent otherwise. */
  logger?: Logger;
}

/** The registry in a plain HTTP server on loopback, as one process of several would run it. */
export async function startRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const port = await freePort();
  const dataSource = options.dataSource ?? (await sharedDatabase());
  const storagePath = options.storagePath ?? mkdtempSync(join(tmpdir(), 'slipway-test-registry-'));
  const host = options.host ?? `127.0.0.1:${port}`;
  const config = parseConfig({
    SERVER_HOSTNAME: host,
    DATABASE_URL: 'mysql://unused@127.0.0.1/unused',
    DATABASE_SECRET_KEY: TEST_SECRET_KEY,
    DISTRIBUTED_STORAGE_CONFIG: { default: ['LocalStorage', { storage_path: storagePath }] },
    ...options.config,
  });
  const handler = createRegistryHandler({
    config,
    dataSource,
    storage: await createStorage(config),
    passwords: testPasswords(),
    logger: options.logger ?? silentLogger,
    now: options.now ?? Date.now,
    processId: randomUUID(),
  });
  const server = createServer({ requestTimeout: 0 }, (req, res) => {
    if (!handler(req, res)) res.writeHead(404).end();
  });
  server.on('checkContinue', (req, res) => handler(req, res, { awaitsContinue: true }));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    host,
    url: `http://127.0.0.1:${port}`,
    dataSource,
    storagePath,
    async close() {
      await closeServer(server);
      if (options.storagePath === undefined) rmSync(storagePath, { recursive: true, force: true });
    },
  };
}

async function closeServer(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}
