import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { TEST_SECRET_KEY } from './database';
import { eventually } from './eventually';
import type { RunningProcess } from './processes';
import { freePort, startProcess } from './processes';

export interface PartProcess extends RunningProcess {
  /** What its `/health` answers now. */
  health(): Promise<{ status: number; body: { status: string; reason?: string } }>;
  metrics(): Promise<string>;
  /** Waits until it says that it can do its work. */
  healthy(): Promise<void>;
}

export interface PartOptions {
  /** From the root of the project. */
  script: 'serve/main.ts' | 'workers/main.ts' | 'workers/relay-main.ts';
  args?: string[];
  databaseUrl: string;
  temporalAddress: string;
  env?: Record<string, string>;
}

/** Starts one of our processes from source, as the launcher starts it from the build. */
export async function startPart(options: PartOptions): Promise<PartProcess> {
  const root = join(__dirname, '..', '..');
  const port = await freePort();
  const storage = mkdtempSync(join(tmpdir(), 'slipway-test-part-'));
  const part = startProcess(
    process.execPath,
    ['--require', 'tsx/cjs', join(root, options.script), ...(options.args ?? [])],
    {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      SERVER_HOSTNAME: 'registry.test',
      DATABASE_URL: options.databaseUrl,
      DATABASE_SECRET_KEY: TEST_SECRET_KEY,
      TEMPORAL_ADDRESS: options.temporalAddress,
      DISTRIBUTED_STORAGE_CONFIG: JSON.stringify({ default: ['LocalStorage', { storage_path: storage }] }),
      BUILD_WORK_DIR: join(storage, 'builds'),
      SLIPWAY_HEALTH_PORT: String(port),
      OUTBOUND_ALLOWED_NETWORKS: '127.0.0.0/8',
      SERVE_PROCESSES: '1',
      SHUTDOWN_NOTICE: '0s',
      ...options.env,
    },
  );
  part.child.once('close', () => rmSync(storage, { recursive: true, force: true }));

  async function health() {
    const response = await fetch(`http://127.0.0.1:${port}/health`);
    return { status: response.status, body: (await response.json()) as { status: string; reason?: string } };
  }
  return {
    ...part,
    health,
    metrics: async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
    async healthy() {
      await eventually(async () => {
        const { status, body } = await health();
        if (status !== 200) throw new Error(`unhealthy: ${body.reason}\n${part.output().slice(-4000)}`);
      }, 40_000);
    },
  };
}
