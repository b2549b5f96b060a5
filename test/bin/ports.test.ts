import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import { anyFreePort, choosePorts, isFree } from '../../bin/launcher/ports.cjs';

describe('launcher ports', () => {
  it('takes the wanted port where it is free, else the next that is', async () => {
    const busy = new Set([8080, 8081]);
    const ports = await choosePorts({ web: 8080, mail: 8025 }, new Set(), (port: number) =>
      Promise.resolve(!busy.has(port)),
    );
    assert.deepEqual(ports, { web: 8082, mail: 8025 });
  });

  it('gives no port twice and none that belongs to another installation', async () => {
    const ports = await choosePorts({ one: 7000, two: 7000, three: 7000 }, new Set([7001]), () =>
      Promise.resolve(true),
    );
    assert.deepEqual(ports, { one: 7000, two: 7002, three: 7003 });
  });

  it('sees that somebody listens', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    assert.equal(await isFree(port), false);
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await isFree(port), true);
    assert.notEqual(await anyFreePort(), 0);
  });
});
