import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { RegistryError } from '../../registry/errors';
import { sendError } from '../../registry/reply';
import { createHttpServer } from '../../serve/http-server';
import { answerUnreadable } from '../../serve/unreadable-requests';
import { exchangeRaw } from '../support/raw-client';

describe('requests that cannot be read', () => {
  let server: Server;
  let port: number;
  /** What the application has taken and not answered. */
  let waiting: { url: string; response: ServerResponse }[] = [];
  let onTaken: () => void = () => undefined;

  beforeEach(async () => {
    waiting = [];
    server = createHttpServer(
      () => false,
      (request, response) => {
        waiting.push({ url: request.url ?? '', response });
        onTaken();
      },
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  afterEach(async () => {
    onTaken = () => undefined;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });

  const taken = () => new Promise<void>((resolve) => (onTaken = resolve));
  const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

  it('are answered after the request before them, when that has its answer', async () => {
    const exchange = exchangeRaw({ port, bytes: [GET, 'nonsense\r\n\r\n'] });
    await taken();
    waiting[0]?.response.end('first');
    const answer = await exchange;
    assert.deepEqual([answer?.status, answer?.body.subarray(0, 5).toString()], [200, 'first']);
    const rest = answer?.rest.toString() ?? '';
    assert.match(rest, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(rest, /"code":"INVALID_REQUEST"/);
  });

  it('end the connection when it is the body that breaks after its answer has begun', async () => {
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    onTaken = () => waiting[0]?.response.writeHead(200, { 'Content-Length': 4 }).write('ab');
    const answer = await exchangeRaw({ port, bytes: [head, '2\r\nab\r\nnonsense\r\n'] });
    assert.equal(answer?.rest.length, 0);
    assert.ok(!answer.body.toString().includes('INVALID_REQUEST'));
  });

  it('are answered when their body breaks before an answer, once', async () => {
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    const answer = await exchangeRaw({ port, bytes: [head, 'nonsense\r\n', 'and more\r\n'] });
    assert.deepEqual([answer?.status, answer?.rest.length], [400, 0]);
    assert.equal(answer?.headers.get('content-type'), 'application/json');
    assert.equal(waiting[0]?.response.writableFinished, false);
  });

  it('come to nothing behind one that ends the connection', async () => {
    onTaken = () => {
      const { response } = waiting.at(-1) ?? assert.fail();
      sendError(response.req, response, new RegistryError('DENIED'));
    };
    const first = 'PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc';
    const answer = await exchangeRaw({ port, bytes: [`${first}DELETE /2 HTTP/1.1\r\nHost: a\r\n\r\n`] });
    assert.deepEqual([answer?.status, answer?.headers.get('connection')], [403, 'close']);
    assert.deepEqual([answer?.rest.length, waiting.map(({ url }) => url)], [0, ['/1']]);
  });

  it('are told apart from those that only come too slowly', async () => {
    const slow = createServer({ headersTimeout: 50, connectionsCheckingInterval: 20 });
    answerUnreadable(slow, new WeakMap());
    slow.listen(0, '127.0.0.1');
    await once(slow, 'listening');
    const { port: slowPort } = slow.address() as AddressInfo;
    const answer = await exchangeRaw({ port: slowPort, bytes: ['GET / HTTP/1.1\r\nHost: a\r\n'] });
    assert.deepEqual([answer?.status, answer?.headers.get('connection')], [408, 'close']);
    assert.match(answer?.body.toString() ?? '', /"code":"INVALID_REQUEST"/);
    slow.close();
    await once(slow, 'close');
  });

  it('say what the parser did not like', async () => {
    const answer = await exchangeRaw({ port, bytes: ['GET / HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n'] });
    const { errors } = JSON.parse(answer?.body.toString() ?? '') as {
      errors: { detail: { reason: string } }[];
    };
    assert.match(errors[0]?.detail.reason ?? '', /header/i);
  });

  it('are none when Host is any name, number or nothing, or the target names scheme and host', async () => {
    for (const [line, host, url] of [
      ['GET /x HTTP/1.1', 'registry.test:5000', '/x'],
      ['GET /x HTTP/1.1', '127.0.0.1', '/x'],
      ['GET /x HTTP/1.1', '[::1]:80', '/x'],
      ['GET /x HTTP/1.1', 'under_score.test', '/x'],
      ['GET /x HTTP/1.1', '', '/x'],
      ['GET http://other.test:80/v2/?n=1 HTTP/1.1', 'a', '/v2/?n=1'],
      ['GET HTTPS://other.test?n=1 HTTP/1.1', 'a', '/?n=1'],
      ['OPTIONS * HTTP/1.1', 'a', '*'],
    ] as const) {
      onTaken = () => waiting.pop()?.response.end(url);
      const answer = await exchangeRaw({
        port,
        bytes: [`${line}\r\nHost: ${host}\r\nConnection: close\r\n\r\n`],
      });
      assert.deepEqual([answer?.status, answer?.body.toString()], [200, url], `${line}, ${host}`);
    }
    onTaken = () => waiting.pop()?.response.end('old');
    assert.equal((await exchangeRaw({ port, bytes: ['GET / HTTP/1.0\r\n\r\n'] }))?.status, 200);
  });
});
