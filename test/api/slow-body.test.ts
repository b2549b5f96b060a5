import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

import { z } from 'zod';

import { PlainRefusal } from '../../api/errors';
import { readBody } from '../../api/pipeline/read-body';
import type { ApiRoute } from '../../api/route';

describe('a body of the API', () => {
  const named = {
    method: 'POST',
    path: '/x',
    operationId: 'x',
    access: 'anyone',
    handle: () => assert.fail(),
  } as const;
  const routes: [string, ApiRoute][] = [
    ['JSON', { ...named, bodySchema: z.unknown() }],
    ['raw', { ...named, rawBody: { limitBytes: 1000 } }],
  ];

  for (const [kind, route] of routes) {
    it(`is given up with 408 when it drips (${kind})`, async () => {
      const server = createServer((incoming, outgoing) => {
        readBody(incoming, route, 100).then(
          () => outgoing.end(),
          (error: unknown) => {
            outgoing
              .writeHead(error instanceof PlainRefusal ? error.status : 500, { connection: 'close' })
              .end();
          },
        );
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const headers = { 'content-length': 100, 'content-type': 'application/json' };
      const client = request({ host: '127.0.0.1', port, method: 'POST', headers });
      client.on('error', () => undefined);
      const drip = setInterval(() => client.write('{'), 20);
      const [response] = (await once(client, 'response')) as [{ statusCode: number }];
      clearInterval(drip);
      assert.equal(response.statusCode, 408);
      client.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
  }
});
