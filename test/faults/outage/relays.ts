import { join } from 'node:path';

import { eventually } from '../../support/eventually';
import type { RunningProcess } from '../../support/processes';
import { freePort, startProcess } from '../../support/processes';
import type { Product } from '../../support/product';

const RELAY = join(__dirname, '..', '..', '..', 'dist', 'workers', 'relay-main.js');

/** One more relay beside the product's own; the caller stops it. */
export async function startRelay(made: Product): Promise<RunningProcess> {
  const port = await freePort();
  const relay = startProcess(process.execPath, [RELAY], {
    ...process.env,
    SLIPWAY_CONFIG: join(made.home, 'config.yaml'),
    SLIPWAY_HEALTH_PORT: String(port),
  });
  try {
    await eventually(async () => {
      if (relay.child.exitCode !== null) throw new Error(`the relay ended: ${relay.output().slice(-2000)}`);
      const { status } = await fetch(`http://127.0.0.1:${port}/health`);
      if (status !== 200) throw new Error('the relay is not ready');
    }, 30_000);
    return relay;
  } catch (error) {
    await relay.stop('SIGKILL');
    throw error;
  }
}
