import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';

import type { Delivery, NotificationRule } from '../../../db/entities/notifications';
import type { DeliverBench } from '../../support/deliver-bench';
import { deliverBench, failureOf, runActivity } from '../../support/deliver-bench';
import { eventually } from '../../support/eventually';
import type { RawServer } from '../../support/raw-server';
import { drip, pourInto, startRawServer } from '../../support/raw-server';

const MIB = 1024 ** 2;
/** The limit of one call in the bench's configuration is 1 s. */
const LONGEST_MS = 5000;

describe('slow and hostile webhook receivers', function () {
  this.timeout(30_000);
  let bench: DeliverBench;
  const closers: (() => Promise<void>)[] = [];

  before(async () => {
    bench = await deliverBench();
  });
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  /** Plays once the request has come. */
  async function receiver(play: (socket: Socket) => void): Promise<RawServer> {
    const server = await startRawServer((socket) => socket.once('data', () => play(socket)));
    closers.push(() => server.close());
    return server;
  }

  interface Outcome {
    delivery: Delivery;
    rule: NotificationRule;
    nonRetryable: boolean;
  }

  async function expectFailure(url: string, reason: RegExp): Promise<Outcome> {
    const { delivery, rule } = await bench.owe('webhook', { url });
    const startedAtMs = Date.now();
    const failure = await failureOf(runActivity(bench.activities().postWebhook, delivery.uuid));
    assert.ok(Date.now() - startedAtMs < LONGEST_MS);
    assert.match(failure.message, reason);
    const [row, shown] = [await bench.stored(delivery), await bench.storedRule(rule)];
    assert.equal(row.attempts, 1);
    assert.match(row.lastError ?? '', reason, 'the delivery says why');
    assert.match(shown.lastError ?? '', reason, 'the rule shows why, while it is tried again');
    return { delivery: row, rule: shown, nonRetryable: failure.nonRetryable ?? false };
  }

  async function expectDelivered(server: RawServer): Promise<void> {
    const { delivery } = await bench.owe('webhook', { url: `http://127.0.0.1:${server.port}/` });
    const startedAtMs = Date.now();
    assert.equal(await runActivity(bench.activities().postWebhook, delivery.uuid), 'delivered');
    assert.ok(Date.now() - startedAtMs < LONGEST_MS);
    assert.equal((await bench.stored(delivery)).responseStatus, 200);
    await eventually(() => assert.equal(server.open, 0, 'we have hung up'));
  }

  const TEMPORARY: [string, (socket: Socket) => void, RegExp][] = [
    ['never answer', () => undefined, /did not answer within 1000 ms/],
    ['answer byte by byte', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nx-slow: yes', 20), /within 1000 ms/],
    ['hang up without an answer', (socket) => socket.destroy(), /closed the connection/],
    [
      'hang up in the headers',
      (socket) => socket.end('HTTP/1.1 200 OK\r\nx-'),
      /closed the connection|valid HTTP/,
    ],
    [
      'send headers without end',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        pourInto(socket, Buffer.from(`x-long: ${'x'.repeat(8000)}\r\n`));
      },
      /headers that are too large/,
    ],
    [
      'say "continue" without end',
      (socket) => pourInto(socket, Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'.repeat(100))),
      /within 1000 ms|closed the connection|valid HTTP/,
    ],
    [
      'send early hints without end',
      (socket) => pourInto(socket, Buffer.from('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(100))),
      /within 1000 ms/,
    ],
    [
      'want another protocol',
      (socket) => socket.write('HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
      /closed the connection|valid HTTP/,
    ],
  ];
  for (const [name, play, reason] of TEMPORARY) {
    it(`that ${name} are called again later`, async () => {
      const server = await receiver(play);
      const outcome = await expectFailure(`http://127.0.0.1:${server.port}/`, reason);
      assert.equal(outcome.nonRetryable, false);
      assert.deepEqual([outcome.delivery.status, outcome.rule.numberOfFailures], ['pending', 0]);
      await eventually(() => assert.equal(server.open, 0, 'we have hung up'));
    });
  }

  const REDIRECTS = [
    'http://127.0.0.1:9/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[::ffff:127.0.0.1]/',
    'http://2130706433/',
    'gopher://127.0.0.1/',
    'file:///etc/passwd',
    '/again',
  ];
  for (const location of REDIRECTS) {
    it(`that redirect to ${location} are asked once, and told why`, async () => {
      const server = await receiver((socket) =>
        socket.end(`HTTP/1.1 307 Moved\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`),
      );
      const { nonRetryable } = await expectFailure(
        `http://127.0.0.1:${server.port}/`,
        /answered 307, and redirects are not followed/,
      );
      assert.ok(nonRetryable);
      assert.equal(server.connections, 1);
    });
  }

  it('at metadata addresses, however they are written, are never called', async () => {
    for (const url of ['http://169.254.169.254/', 'http://2852039166/', 'http://[::ffff:169.254.169.254]/']) {
      assert.ok((await expectFailure(url, /169\.254\.169\.254|a9fe/)).nonRetryable);
    }
  });

  describe('whose 200 is believed, whatever follows', () => {
    it('100 MB with a length: 64 KiB are read', async () => {
      const server = await receiver((socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n');
        pourInto(socket, Buffer.alloc(64 * 1024), 100 * MIB);
      });
      const before = process.memoryUsage().rss;
      await expectDelivered(server);
      // What we read and what lies in the buffers of two sockets.
      assert.ok(server.bytesWritten() < 20 * MIB, `${server.bytesWritten()} bytes went out`);
      const grownMib = (process.memoryUsage().rss - before) / MIB;
      assert.ok(grownMib < 60, `memory grew by ${grownMib} MiB`);
    });

    it('chunks without end', async () => {
      const server = await receiver((socket) => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
        pourInto(
          socket,
          Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536), Buffer.from('\r\n')]),
        );
      });
      await expectDelivered(server);
      assert.ok(server.bytesWritten() < 20 * MIB, `${server.bytesWritten()} bytes went out`);
    });

    it('a gzip bomb, which nobody unpacks', async () => {
      const bomb = gzipSync(Buffer.alloc(50 * MIB));
      const before = process.memoryUsage().rss;
      await expectDelivered(
        await receiver((socket) => {
          socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`);
          socket.end(bomb);
        }),
      );
      assert.ok(process.memoryUsage().rss - before < 40 * MIB);
    });

    it('a body byte by byte', async () => {
      await expectDelivered(
        await receiver((socket) => {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
          drip(socket, 'x', 20);
        }),
      );
    });

    it('a body that breaks off', async () => {
      await expectDelivered(
        await receiver((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf')),
      );
    });
  });

  it('with a certificate that nobody vouches for get nothing, and are told so', async () => {
    const fixture = (name: string) => readFileSync(join(__dirname, '../../outbound/fixtures', name));
    const secureContext = createSecureContext({
      cert: fixture('hooks.example.cert.pem'),
      key: fixture('hooks.example.key.pem'),
    });
    let got = 0;
    const server = await startRawServer((socket) => {
      const tls = new TLSSocket(socket, { isServer: true, secureContext });
      tls.on('error', () => undefined).on('data', () => (got += 1));
    });
    closers.push(() => server.close());
    const { nonRetryable } = await expectFailure(
      `https://127.0.0.1:${server.port}/`,
      /the TLS connection to "127\.0\.0\.1:\d+" failed: .*(self-signed|altnames)/,
    );
    assert.equal(nonRetryable, false, 'certificates are renewed');
    assert.equal(got, 0);
  });

  it('that do not answer are left one call at a time, and the delivery says what it waits for', async () => {
    const { postWebhook } = bench.activities();
    const server = await receiver(() => undefined);
    const owed = await Promise.all(
      [1, 2, 3].map(() => bench.owe('webhook', { url: `http://127.0.0.1:${server.port}/` })),
    );
    await failureOf(runActivity(postWebhook, owed[0]?.delivery.uuid ?? ''));
    const calls = await Promise.all(
      owed.slice(1).map(({ delivery }) => failureOf(runActivity(postWebhook, delivery.uuid))),
    );
    assert.deepEqual(calls.map(({ type }) => type).sort(), ['DeliveryDeferred', 'DeliveryFailed']);
    assert.equal(server.connections, 2);
    const waiting = owed[1 + calls.findIndex(({ type }) => type === 'DeliveryDeferred')];
    assert.ok(waiting);
    const [row, rule] = [await bench.stored(waiting.delivery), await bench.storedRule(waiting.rule)];
    assert.deepEqual([row.status, row.attempts], ['pending', 0]);
    for (const { lastError } of [row, rule]) assert.match(lastError ?? '', /127\.0\.0\.1:\d+ did not answer/);
  });
});
