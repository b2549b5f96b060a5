import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

import { RegistryError } from '../../registry/errors';
import { readBody } from '../../registry/read-body';

describe('the body of a manifest', () => {
  it('is given up with 408 when its client stays silent in the middle', async () => {
    const statuses: unknown[] = [];
    const server = createServer((req, res) => {
      readBody(req, 1000, { idleMs: 50 }).then(
        () => res.end(),
        (error: unknown) => {
          statuses.push(error instanceof RegistryError ? error.status : error);
          res.writeHead(408, { connection: 'close' }).end();
        },
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = request({ host: '127.0.0.1', port, method: 'PUT', headers: { 'content-length': 100 } });
    client.on('error', () => undefined);
    client.write('half');
    const [response] = (await once(client, 'response')) as [{ statusCode: number }];
    assert.equal(response.statusCode, 408);
    assert.deepEqual(statuses, [408]);
    client.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
});
