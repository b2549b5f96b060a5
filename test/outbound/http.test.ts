import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';

import { createAddressPolicy } from '../../outbound/address-policy';
import type { OutboundHttp, OutboundHttpOptions } from '../../outbound/http';
import { createOutboundHttp } from '../../outbound/http';
import type { Resolver } from '../../outbound/resolve-target';
import { eventually } from '../support/eventually';
import type { LocalServer } from './local-server';
import { listen, startServer } from './local-server';

const loopback: Resolver = () => Promise.resolve([{ address: '127.0.0.1' }]);

function dialler(options: Partial<OutboundHttpOptions> = {}): OutboundHttp {
  const policy = createAddressPolicy({ allowedNetworks: ['127.0.0.1'] });
  return createOutboundHttp({ policy, resolver: loopback, ...options });
}

async function countSockets(work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const onSocket = (): void => void (count += 1);
  subscribe('net.client.socket', onSocket);
  try {
    await work();
  } finally {
    unsubscribe('net.client.socket', onSocket);
  }
  return count;
}

describe('createOutboundHttp', () => {
  const open: { close(): Promise<void> | void }[] = [];
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
  });

  async function serve(...parameters: Parameters<typeof startServer>): Promise<LocalServer> {
    const server = await startServer(...parameters);
    open.push(server);
    return server;
  }

  async function serveTcp(onSocket: Parameters<typeof createTcpServer>[1]): Promise<number> {
    const sockets = new Set<{ destroy(): unknown }>();
    const server = createTcpServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      onSocket?.(socket);
    });
    open.push({ close: () => (sockets.forEach((socket) => socket.destroy()), void server.close()) });
    return listen(server);
  }

  it('sends method, headers and body to the pinned address under the name of the host', async () => {
    const { port, received } = await serve((response) =>
      response.writeHead(201, { 'X-Seen': 'yes' }).end('thanks'),
    );
    const answer = await dialler().request({
      url: `http://hooks.example:${port}/in?x=1`,
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"a":1}',
    });
    assert.deepEqual(
      [answer.status, answer.headers['x-seen'], answer.body.toString(), answer.isTruncated],
      [201, 'yes', 'thanks', false],
    );
    assert.equal(answer.url, `http://hooks.example:${port}/in?x=1`);
    const [request] = received;
    assert.deepEqual([request?.method, request?.url, request?.body], ['POST', '/in?x=1', '{"a":1}']);
    assert.equal(request?.headers.host, `hooks.example:${port}`);
    assert.equal(request?.headers['content-type'], 'application/json');
  });

  it('asks the resolver once and uses the answer that was judged, whatever a second one would be', async () => {
    const { port, received } = await serve((response) => response.end());
    const answers = ['127.0.0.1', '127.0.0.2'];
    const resolver: Resolver = () => Promise.resolve([{ address: answers.shift() ?? '10.0.0.1' }]);
    await dialler({ resolver }).request({ url: `http://rebinding.example:${port}/` });
    assert.equal(received.length, 1);
    assert.deepEqual(answers, ['127.0.0.2']);
  });

  for (const url of [
    'http://rebinding.example/',
    'http://127.0.0.2/',
    'http://[::1]/',
    'http://2130706434/',
    'http://169.254.169.254/latest/',
  ]) {
    it(`refuses ${url} without a packet`, async () => {
      const http = dialler({ resolver: () => Promise.resolve([{ address: '127.0.0.2' }]) });
      const sockets = await countSockets(() =>
        assert.rejects(http.request({ url }), { kind: 'refused-address' }),
      );
      assert.equal(sockets, 0);
    });
  }

  for (const url of [
    'ftp://hooks.example/',
    'file:///etc/passwd',
    'not a url',
    'javascript:1',
    'http://u:p@hooks.example/',
  ]) {
    it(`calls ${url} an invalid address`, async () => {
      await assert.rejects(dialler().request({ url }), { kind: 'invalid-url' });
    });
  }

  it('sends credentials of the URL only when asked to', async () => {
    const { port, received } = await serve((response) => response.end());
    await dialler().request({
      url: `http://me:s%C3%A9cret@hooks.example:${port}/`,
      sendUrlCredentials: true,
    });
    assert.equal(received[0]?.headers.authorization, `Basic ${Buffer.from('me:sécret').toString('base64')}`);
    assert.equal(received[0]?.url, '/');
  });

  describe('redirects', () => {
    function redirecting(location: string, status = 302): Promise<LocalServer> {
      return serve((response, { url }) =>
        url === '/end' ? response.end('end') : response.writeHead(status, { location }).end(),
      );
    }

    it('are the answer unless following was asked for', async () => {
      const { port, received } = await redirecting('/end');
      const answer = await dialler().request({ url: `http://hooks.example:${port}/` });
      assert.deepEqual([answer.status, answer.headers.location, received.length], [302, '/end', 1]);
    });

    it('are followed as often as asked for, and the next one is the answer', async () => {
      const { port, received } = await redirecting('/again');
      const answer = await dialler().request({ url: `http://hooks.example:${port}/`, followRedirects: 3 });
      assert.deepEqual([answer.status, received.length], [302, 4]);
    });

    it('turn a POST into a GET without a body, but 307 keeps both', async () => {
      for (const [status, method, body] of [
        [303, 'GET', ''],
        [307, 'POST', 'x'],
      ] as const) {
        const { port, received } = await redirecting('/end', status);
        const url = `http://hooks.example:${port}/`;
        const answer = await dialler().request({ url, method: 'POST', body: 'x', followRedirects: 1 });
        assert.deepEqual(
          [answer.body.toString(), received[1]?.method, received[1]?.body],
          ['end', method, body],
        );
      }
    });

    it('keep credentials on the same origin and drop them on another', async () => {
      const other = await serve((response) => response.end());
      const { port, received } = await serve((response, { url }) =>
        response
          .writeHead(307, { location: url === '/' ? '/same' : `http://hooks.example:${other.port}/` })
          .end(),
      );
      const headers = { Authorization: 'Bearer t', Cookie: 'a=b', 'X-Kept': 'k' };
      await dialler().request({ url: `http://hooks.example:${port}/`, headers, followRedirects: 2 });
      assert.equal(received[1]?.headers.authorization, 'Bearer t');
      const last = other.received[0]?.headers;
      assert.deepEqual([last?.authorization, last?.cookie, last?.['x-kept']], [undefined, undefined, 'k']);
    });

    for (const location of [
      'http://169.254.169.254/latest/meta-data/',
      'http://127.0.0.2:22/',
      '//[::1]/',
      'http://0/',
    ]) {
      it(`to ${location} are refused without a packet there`, async () => {
        const { port } = await redirecting(location);
        const url = `http://hooks.example:${port}/`;
        const call = (): Promise<void> =>
          assert.rejects(dialler().request({ url, followRedirects: 5 }), { kind: 'refused-address' });
        assert.equal(await countSockets(call), 1);
      });
    }

    it('to another scheme are invalid', async () => {
      const { port } = await redirecting('file:///etc/passwd');
      await assert.rejects(dialler().request({ url: `http://hooks.example:${port}/`, followRedirects: 1 }), {
        kind: 'invalid-url',
      });
    });
  });

  describe('slow and hostile hosts', () => {
    it('that never answer end with the deadline', async () => {
      const { port } = await serve(() => undefined);
      await assert.rejects(dialler().request({ url: `http://hooks.example:${port}/`, timeoutMs: 100 }), {
        kind: 'timeout',
        message: `"hooks.example:${port}" did not answer within 100 ms`,
      });
    });

    it('that answer byte by byte end with the deadline, which covers the whole exchange', async () => {
      const port = await serveTcp((socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n');
        const drip = setInterval(() => socket.write('x'), 5);
        socket.on('close', () => clearInterval(drip));
      });
      const startedAtMs = Date.now();
      await assert.rejects(dialler().request({ url: `http://hooks.example:${port}/`, timeoutMs: 200 }), {
        kind: 'timeout',
      });
      assert.ok(Date.now() - startedAtMs < 2000);
    });

    it('that redirect for ever end with the deadline too', async () => {
      const { port } = await serve((response) =>
        setTimeout(() => response.writeHead(302, { location: '/' }).end(), 20),
      );
      await assert.rejects(
        dialler().request({ url: `http://hooks.example:${port}/`, timeoutMs: 150, followRedirects: 1000 }),
        { kind: 'timeout' },
      );
    });

    it('that send 100 MB are cut at the limit, and hung up on', async () => {
      let sentBytes = 0;
      let isClosed = false;
      const port = await serveTcp((socket) => {
        const block = Buffer.alloc(64 * 1024, 'x');
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n');
        const pump = (): void => {
          while (sentBytes < 100_000_000) {
            sentBytes += block.length;
            if (!socket.write(block)) return;
          }
        };
        socket.on('drain', pump).on('close', () => (isClosed = true));
        pump();
      });
      const answer = await dialler().request({
        url: `http://hooks.example:${port}/`,
        maxResponseBytes: 1000,
      });
      assert.deepEqual([answer.status, answer.body.length, answer.isTruncated], [200, 1000, true]);
      await eventually(() => assert.ok(isClosed));
      assert.ok(sentBytes < 50_000_000, `${sentBytes} bytes were sent`);
    });

    it('that send exactly as much as is allowed are read whole', async () => {
      const { port } = await serve((response) => response.end('12345'));
      const answer = await dialler().request({ url: `http://hooks.example:${port}/`, maxResponseBytes: 5 });
      assert.deepEqual([answer.body.toString(), answer.isTruncated], ['12345', false]);
    });

    it('that send endless headers are too large', async () => {
      const { port } = await serve((response) =>
        response.writeHead(200, { 'x-long': 'x'.repeat(40_000) }).end(),
      );
      await assert.rejects(dialler().request({ url: `http://hooks.example:${port}/` }), {
        kind: 'too-large',
      });
    });

    it('that hang up, before or within the answer, are resets', async () => {
      const port = await serveTcp((socket) => socket.once('data', () => socket.destroy()));
      await assert.rejects(dialler().request({ url: `http://hooks.example:${port}/` }), { kind: 'reset' });
      const halfway = await serveTcp((socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')),
      );
      await assert.rejects(dialler().request({ url: `http://hooks.example:${halfway}/` }), { kind: 'reset' });
    });

    it('that speak something else are told apart', async () => {
      const port = await serveTcp((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
      await assert.rejects(dialler().request({ url: `http://hooks.example:${port}/` }), {
        kind: 'reset',
        message: /did not answer with valid HTTP/,
      });
    });

    it('that refuse the connection are named', async () => {
      const server = createTcpServer();
      const port = await listen(server);
      server.close();
      await assert.rejects(dialler().request({ url: `http://hooks.example:${port}/` }), {
        kind: 'connect-refused',
        message: `"hooks.example:${port}" refused the connection`,
      });
    });

    it('that accept no connection end with the connect timeout', async function () {
      const port = await serveTcp(() => undefined);
      // TCP itself answers on loopback; a TLS handshake that never comes is the same wait.
      await assert.rejects(
        dialler().request({ url: `https://hooks.example:${port}/`, connectTimeoutMs: 100 }),
        { kind: 'connect-timeout' },
      );
    });

    it('are left at once when the caller aborts', async () => {
      const { port } = await serve(() => undefined);
      const signal = AbortSignal.timeout(50);
      await assert.rejects(dialler().request({ url: `http://hooks.example:${port}/`, signal }), {
        kind: 'aborted',
      });
    });
  });

  describe('TLS', () => {
    const fixture = (name: string): string => readFileSync(join(__dirname, 'fixtures', name), 'utf8');
    const cert = fixture('hooks.example.cert.pem');
    const key = fixture('hooks.example.key.pem');
    const serveTls = (): Promise<LocalServer> =>
      serve(
        (response) => response.end('secret'),
        (listener) => createTlsServer({ cert, key }, listener),
      );

    it('is verified against the name of the URL, not the pinned address', async () => {
      const { port } = await serveTls();
      const answer = await dialler({ ca: cert }).request({ url: `https://hooks.example:${port}/` });
      assert.equal(answer.body.toString(), 'secret');
    });

    it('refuses a certificate of another name', async () => {
      const { port, received } = await serveTls();
      await assert.rejects(dialler({ ca: cert }).request({ url: `https://other.example:${port}/` }), {
        kind: 'tls',
        message: /other\.example/,
      });
      assert.equal(received.length, 0);
    });

    it('refuses a certificate that nobody vouches for', async () => {
      const { port } = await serveTls();
      await assert.rejects(dialler().request({ url: `https://hooks.example:${port}/` }), {
        kind: 'tls',
        message: /self-signed/,
      });
    });

    it('says so when the host speaks no TLS', async () => {
      const { port } = await serve((response) => response.end());
      await assert.rejects(dialler().request({ url: `https://hooks.example:${port}/` }), { kind: 'tls' });
    });
  });
});
