import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

interface StoreFailure {
  status: number;
  code: string;
}

export interface FailingStore {
  port: number;
  /** Asked for every request; what it answers is answered instead of passing the request on. */
  failing: (request: { method: string; url: string }) => StoreFailure | undefined;
  close(): Promise<void>;
}

/** Stands between a client and an S3 server, and answers in its place when it is told to. */
export async function startFailingStore(serverPort: number): Promise<FailingStore> {
  const server = createServer((req, res) => {
    const { method = '', url = '' } = req;
    const failure = store.failing({ method, url });
    if (failure) {
      req.resume();
      const body = `<?xml version="1.0"?><Error><Code>${failure.code}</Code><Message>no</Message></Error>`;
      res.writeHead(failure.status, { 'content-type': 'application/xml' }).end(method === 'HEAD' ? '' : body);
      return;
    }
    const passed = httpRequest({
      host: '127.0.0.1',
      port: serverPort,
      method,
      path: url,
      headers: req.headers,
    });
    passed.on('error', () => res.destroy());
    passed.on('response', (answer: IncomingMessage) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    req.pipe(passed);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const store: FailingStore = {
    port: (server.address() as AddressInfo).port,
    failing: () => undefined,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return store;
}
