import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Agent, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';

import { Drain } from '../../serve/drain';
import { createHttpServer, listen } from '../../serve/http-server';
import { eventually } from '../support/eventually';
import { Gate } from '../support/gate';

describe('the HTTP server', () => {
  let server: Server;
  let drain: Drain;
  let waiting: ServerResponse[];
  let seen: { path: string; by: string; awaitsContinue: boolean }[];

  beforeEach(async () => {
    waiting = [];
    seen = [];
    server = createHttpServer(
      (request, response, { awaitsContinue }) => {
        if (!request.url?.startsWith('/v2')) return false;
        seen.push({ path: request.url, by: 'registry', awaitsContinue });
        response.end('registry');
        return true;
      },
      (request, response) => {
        seen.push({ path: request.url ?? '', by: 'app', awaitsContinue: false });
        if (request.url === '/slow') waiting.push(response);
        else response.end('app');
      },
    );
    drain = new Drain(server);
    await listen(server, '127.0.0.1', 0);
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const portOf = () => (server.address() as AddressInfo).port;
  const get = async (path: string, agent?: Agent) => {
    const request = httpRequest({ port: portOf(), host: '127.0.0.1', path, agent }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    return { text: Buffer.concat(chunks).toString(), headers: response.headers };
  };

  it('asks the registry first and the app for everything else', async () => {
    assert.equal((await get('/v2/')).text, 'registry');
    assert.equal((await get('/api/v1/user')).text, 'app');
    assert.deepEqual(
      seen.map(({ by }) => by),
      ['registry', 'app'],
    );
  });

  it('leaves the answer to Expect: 100-continue to the registry, and gives it to the app at once', async () => {
    const send = async (path: string) => {
      const headers = { expect: '100-continue', 'content-length': 1 };
      const request = httpRequest({ port: portOf(), host: '127.0.0.1', path, method: 'PUT', headers });
      let continued = false;
      request.on('continue', () => {
        continued = true;
        request.end('x');
      });
      request.flushHeaders();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
      request.destroy();
      return continued;
    };
    assert.equal(await send('/v2/x'), false);
    assert.equal(seen[0]?.awaitsContinue, true);
    assert.equal(await send('/api/v1/x'), true);
  });

  it('has no limit on whole requests and keeps connections longer than proxies do', () => {
    assert.deepEqual(
      [server.requestTimeout, server.headersTimeout, server.keepAliveTimeout],
      [0, 15_000, 75_000],
    );
  });

  it('lets a request under way end, takes no new one, and closes idle connections', async () => {
    const agent = new Agent({ keepAlive: true });
    await get('/fast', agent);
    const slow = get('/slow');
    await eventually(() => assert.equal(waiting.length, 1));
    const port = portOf();
    const drained = drain.run({ noticeMs: 0, limitMs: 30_000 });
    await eventually(() => refusesConnections(port));
    waiting[0]?.end('at last');
    const answer = await slow;
    assert.equal(answer.text, 'at last');
    assert.equal(await drained, true);
    agent.destroy();
  });

  it('closes a kept connection after the answer that it was waiting for', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const slow = get('/slow', agent);
    await eventually(() => assert.equal(waiting.length, 1));
    const drained = drain.run({ noticeMs: 0, limitMs: 30_000 });
    waiting[0]?.end('at last');
    await slow;
    assert.equal(await drained, true);
    agent.destroy();
  });

  it('goes on taking requests while load balancers notice, and asks for every connection to be closed', async () => {
    const agent = new Agent({ keepAlive: true });
    assert.equal((await get('/fast', agent)).headers.connection, 'keep-alive');
    const slow = get('/slow', agent);
    await eventually(() => assert.equal(waiting.length, 1));
    const port = portOf();
    const hurrying = new AbortController();
    const drained = drain.run({ noticeMs: 60_000, limitMs: 30_000, hurrying: hurrying.signal });
    assert.equal((await get('/fast', agent)).headers.connection, 'close');
    assert.equal((await get('/v2/', agent)).headers.connection, 'close');
    waiting[0]?.end('begun before');
    assert.equal((await slow).headers.connection, 'close');
    hurrying.abort();
    await drained;
    await refusesConnections(port);
    agent.destroy();
  });

  it('waits for the work of a request that was cut', async () => {
    const work = new Gate();
    drain.follow(work.opened);
    const slow = get('/slow').catch((error: NodeJS.ErrnoException) => error.code);
    await eventually(() => assert.equal(waiting.length, 1));
    let isOver = false;
    const drained = drain.run({ noticeMs: 0, limitMs: 10 }).then((isClean) => {
      isOver = true;
      return isClean;
    });
    assert.equal(await slow, 'ECONNRESET');
    assert.equal(isOver, false);
    work.open();
    assert.equal(await drained, false);
  });

  it('cuts what does not end by the limit', async () => {
    const slow = get('/slow').catch((error: NodeJS.ErrnoException) => error.code);
    await eventually(() => assert.equal(waiting.length, 1));
    assert.equal(await drain.run({ noticeMs: 0, limitMs: 50 }), false);
    assert.equal(await slow, 'ECONNRESET');
  });

  it('rejects when its port is taken', async () => {
    const other = createHttpServer(
      () => false,
      () => undefined,
    );
    await assert.rejects(listen(other, '127.0.0.1', portOf()), /EADDRINUSE/);
  });
});

async function refusesConnections(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const outcome = await Promise.race([
    once(socket, 'connect').then(() => 'connected'),
    once(socket, 'error').then(() => 'refused'),
  ]).catch(() => 'refused');
  socket.destroy();
  assert.equal(outcome, 'refused');
}
