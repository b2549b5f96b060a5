import 'reflect-metadata';

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { createPasswords } from '../../auth/passwords';
import { loadConfig } from '../../config/load';
import { createDataSource } from '../../db/data-source';
import { createRegistryHandler } from '../../registry/handler';
import { createStorage } from '../../storage/create-storage';
import { createLogger } from '../../telemetry/logger';

/** The registry as a process of its own, configured by the environment; says `ready` when it serves. */
async function main(): Promise<void> {
  const config = loadConfig();
  const dataSource = await createDataSource(config).initialize();
  const handler = createRegistryHandler({
    config,
    dataSource,
    storage: await createStorage(config),
    passwords: createPasswords(config),
    logger: createLogger('registry', config),
    now: Date.now,
    processId: randomUUID(),
  });
  const server = createServer({ requestTimeout: 0 }, (req, res) => {
    if (!handler(req, res)) res.writeHead(404).end();
  });
  server.listen(config.LISTEN_PORT, '127.0.0.1', () => console.log('ready'));
}

void main();
