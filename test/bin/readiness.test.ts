import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:net';

import { askHealth } from '../../bin/launcher/parts/readiness.cjs';

describe('askHealth of a database', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  });

  async function greeting(...bytes: number[]) {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(Buffer.from(bytes));
    });
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { isReady, hasAnswered } = await askHealth({ type: 'mysql', host: '127.0.0.1', port }, undefined);
    return { isReady, hasAnswered };
  }

  it('is ready when it greets', async () => {
    assert.deepEqual(await greeting(1, 0, 0, 0, 10), { isReady: true, hasAnswered: true });
  });

  it('is no silence when it has no connection left: a server that is silent for long is killed', async () => {
    assert.deepEqual(await greeting(3, 0, 0, 0, 0xff, 0x10, 0x04), { isReady: false, hasAnswered: true });
  });

  it('is silence when it says nothing', async () => {
    assert.deepEqual(await greeting(), { isReady: false, hasAnswered: false });
  });
});
