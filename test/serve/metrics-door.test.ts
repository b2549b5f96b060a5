import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { createClientAddress } from '../../auth/client-address';
import { listen } from '../../serve/http-server';
import { createMetricsDoor } from '../../serve/metrics-door';
import { silentLogger } from '../../telemetry/logger';

const TOKEN = 'a token for Prometheus';
const LOOPBACK = ['127.0.0.0/8'];

describe('metrics on the port of the product', () => {
  let server: Server | undefined;
  let hasFailed = false;

  afterEach(() => {
    server?.close();
    hasFailed = false;
  });

  async function start({
    networks = LOOPBACK,
    proxies = [] as string[],
    token = undefined as string | undefined,
  } = {}) {
    const config = {
      METRICS_ALLOWED_NETWORKS: networks,
      METRICS_TOKEN: token,
    };
    const clientAddress = createClientAddress({ TRUSTED_PROXY_NETWORKS: proxies });
    const door = createMetricsDoor(
      { config, clientAddress, logger: silentLogger },
      {
        contentType: 'text/plain; version=0.0.4',
        metrics: () => (hasFailed ? Promise.reject(new Error('no')) : Promise.resolve('a_metric 1\n')),
      },
    );
    server = createServer((request, response) => {
      if (!door(request, response)) response.writeHead(404).end();
    });
    await listen(server, '127.0.0.1', 0);
    const { port } = server.address() as AddressInfo;
    return async (headers: Record<string, string> = {}, path = '/metrics', method = 'GET') => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers });
      return { status: response.status, text: await response.text() };
    };
  }

  it('are for the networks that may read them', async () => {
    const ask = await start();
    assert.deepEqual(await ask(), { status: 200, text: 'a_metric 1\n' });
    assert.equal((await ask({}, '/metrics', 'POST')).status, 405);
    assert.equal((await ask({}, '/metrics/more')).status, 404);
  });

  it('are refused to all others', async () => {
    const ask = await start({ networks: ['10.0.0.0/8'] });
    assert.equal((await ask()).status, 403);
    assert.equal((await ask({ 'x-forwarded-for': '10.0.0.1' })).status, 403);
  });

  it('are for whoever has the token, wherever from', async () => {
    const ask = await start({ networks: [], token: TOKEN });
    assert.equal((await ask({ authorization: `Bearer ${TOKEN}` })).status, 200);
    for (const authorization of [
      'Bearer ',
      `Bearer ${TOKEN}x`,
      `Basic ${TOKEN}`,
      `Bearer ${TOKEN.toUpperCase()}`,
    ]) {
      assert.equal((await ask({ authorization })).status, 403);
    }
  });

  it('take no empty token for the one that is not set', async () => {
    const ask = await start({ networks: [] });
    assert.equal((await ask({ authorization: 'Bearer ' })).status, 403);
  });

  it('are refused through a proxy that the configuration does not name, though it is near', async () => {
    const ask = await start();
    for (const name of ['x-forwarded-for', 'forwarded', 'via']) {
      assert.equal((await ask({ [name]: '127.0.0.1' })).status, 403, name);
    }
  });

  it('go by the client behind a proxy that it does name', async () => {
    const ask = await start({ networks: ['203.0.113.0/24'], proxies: LOOPBACK });
    assert.equal((await ask({ 'x-forwarded-for': '203.0.113.9' })).status, 200);
    assert.equal((await ask({ 'x-forwarded-for': '198.51.100.1' })).status, 403);
    assert.equal((await ask()).status, 403);
  });

  it('say so when they cannot be read', async () => {
    const ask = await start();
    hasFailed = true;
    assert.deepEqual(await ask(), { status: 503, text: 'metrics cannot be read\n' });
  });
});
