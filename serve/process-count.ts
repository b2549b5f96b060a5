import { availableParallelism, totalmem } from 'node:os';

import type { Config } from '../config/schema';
import { readConnectionLimit } from '../db/connection-limit';
import { createDataSource } from '../db/data-source';
import type { Logger } from '../telemetry/logger';

/** What one process takes when it is busy: its code, password hashes, transfers. */
const PROCESS_BYTES = 512 * 1024 ** 2;
/** The share of the server's connections that processes of ours may have together (performance spec 6). */
const CONNECTION_SHARE = 0.7;
/** Relay, worker and build worker have a pool each. */
const OTHER_POOLS = 3;

export interface Machine {
  cores: number;
  /** That this process may use. */
  memoryBytes: number;
  /** That the database server allows. */
  connections: number;
}

/** One process per core, as long as there is memory for them and connections for their pools. */
export function processCount({ cores, memoryBytes, connections }: Machine, poolSize: number): number {
  const byMemory = Math.floor(memoryBytes / PROCESS_BYTES);
  const byConnections = Math.floor((connections * CONNECTION_SHARE) / poolSize) - OTHER_POOLS;
  return Math.max(1, Math.min(cores, byMemory, byConnections));
}

/** What the configuration says, or what suits this machine and the database; rejects when that cannot be asked. */
export async function decideProcessCount(config: Config, logger: Logger): Promise<number> {
  const machine = { cores: availableParallelism(), memoryBytes: availableBytes(), connections: Infinity };
  const poolSize = config.DATABASE_POOL_SIZE;
  const wanted = config.SERVE_PROCESSES ?? processCount(machine, poolSize);
  // One process needs no arithmetic, and no connection for it.
  if (wanted === 1) return 1;
  const connections = await askDatabase(config);
  const allowed = processCount({ cores: wanted, memoryBytes: Infinity, connections }, poolSize);
  if (config.SERVE_PROCESSES === undefined) return allowed;
  if (allowed < wanted) {
    logger.warn(
      { processes: wanted, poolSize, connections },
      'SERVE_PROCESSES times DATABASE_POOL_SIZE is much for this database',
    );
  }
  return wanted;
}

function availableBytes(): number {
  // Without a limit of its own a process is told 0 or more than there is.
  return Math.min(totalmem(), process.constrainedMemory() || Infinity);
}

async function askDatabase(config: Config): Promise<number> {
  const dataSource = await createDataSource({ ...config, DATABASE_POOL_SIZE: 2 }).initialize();
  try {
    return await readConnectionLimit(dataSource);
  } finally {
    await dataSource.destroy();
  }
}
