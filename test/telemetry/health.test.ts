import assert from 'node:assert/strict';
import type { Server } from 'node:http';

import type { HealthCheck } from '../../telemetry/health';
import { startHealthServer } from '../../telemetry/health';
import { addGauge, createMetrics } from '../../telemetry/metrics';
import { freePort } from '../support/processes';

describe('the health server', () => {
  const servers: (Server | undefined)[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) server?.close();
  });

  async function serve(check: HealthCheck, metrics = createMetrics('test')) {
    const port = await freePort();
    servers.push(await startHealthServer(port, check, metrics, 50));
    return async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: response.status, body: await response.text() };
    };
  }

  it('answers 200 while the check passes', async () => {
    const get = await serve(() => undefined);
    assert.deepEqual(await get('/health'), { status: 200, body: '{"status":"ok"}' });
  });

  it('answers 503 with the reason when the check throws', async () => {
    const get = await serve(() => Promise.reject(new Error('the database is away')));
    assert.deepEqual(await get('/health'), {
      status: 503,
      body: '{"status":"unhealthy","reason":"the database is away"}',
    });
  });

  it('answers 503 when the check does not come back', async () => {
    const get = await serve(() => new Promise(() => undefined));
    const { status, body } = await get('/health');
    assert.equal(status, 503);
    assert.match(body, /no answer within 50 ms/);
  });

  it('shows the metrics of the process', async () => {
    const metrics = createMetrics('relay');
    addGauge(metrics, 'slipway_outbox_waiting', 'Rows that wait', () => Promise.resolve(7));
    const get = await serve(() => undefined, metrics);
    const { status, body } = await get('/metrics');
    assert.equal(status, 200);
    assert.match(body, /slipway_outbox_waiting\{part="relay"\} 7/);
  });

  it('is not started without a port', async () => {
    assert.equal(await startHealthServer(undefined, () => undefined), undefined);
  });
});
