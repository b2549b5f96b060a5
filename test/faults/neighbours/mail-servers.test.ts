import assert from 'node:assert/strict';
import type { Socket } from 'node:net';

import { createMailer } from '../../../activities/deliver/mailer';
import type { DeliverBench } from '../../support/deliver-bench';
import { DELIVER_CONFIG, deliverBench, failureOf, runActivity } from '../../support/deliver-bench';
import { eventually } from '../../support/eventually';
import { startRawServer } from '../../support/raw-server';
import { drip, pourInto } from '../../support/raw-server';
import type { RawServer } from '../../support/raw-server';

/** The limit of one mail in the bench's configuration is 2 s. */
const LONGEST_MS = 10_000;

type Script = Partial<Record<'greeting' | 'EHLO' | 'MAIL' | 'RCPT' | 'DATA' | 'end' | 'STARTTLS', string>>;

describe('slow and hostile mail servers', function () {
  this.timeout(30_000);
  let bench: DeliverBench;
  const closers: (() => Promise<void>)[] = [];

  before(async () => {
    bench = await deliverBench();
  });
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  async function serve(play: (socket: Socket) => void): Promise<RawServer> {
    const server = await startRawServer(play);
    closers.push(() => server.close());
    return server;
  }

  /** Speaks just enough SMTP; `''` says nothing, `hang up` hangs up. Keeps the mails that came whole. */
  function smtp(script: Script | (() => Script), mails: string[] = []): (socket: Socket) => void {
    return (socket) => {
      const now = typeof script === 'function' ? script() : script;
      const say = (step: keyof Script, usual: string): void => {
        const text = now[step] ?? usual;
        if (text === 'hang up') socket.destroy();
        else if (text !== '') socket.write(`${text}\r\n`);
      };
      let pending = '';
      let isData = false;
      say('greeting', '220 mail.test');
      socket.on('data', (chunk) => {
        pending += chunk.toString('latin1');
        if (isData && pending.includes('\r\n.\r\n')) {
          mails.push(pending);
          isData = false;
          pending = '';
          return say('end', '250 taken');
        }
        while (!isData && pending.includes('\r\n')) {
          const [line = ''] = pending.split('\r\n', 1);
          pending = pending.slice(line.length + 2);
          const verb = line.slice(0, 4).toUpperCase();
          if (verb === 'EHLO') say('EHLO', '250 mail.test');
          else if (verb === 'MAIL') say('MAIL', '250 ok');
          else if (verb === 'RCPT') say('RCPT', '250 ok');
          else if (verb === 'STAR') say('STARTTLS', '220 go ahead');
          else if (verb === 'DATA') {
            isData = (now.DATA ?? '354').startsWith('354');
            say('DATA', '354 go ahead');
          } else socket.end('221 bye\r\n');
        }
      });
    };
  }

  function sender(server: RawServer, changes: { MAIL_USE_TLS?: boolean } = {}) {
    const mailer = createMailer({
      ...DELIVER_CONFIG,
      MAIL_SERVER: '127.0.0.1',
      MAIL_PORT: server.port,
      MAIL_USE_TLS: false,
      MAIL_DEFAULT_SENDER: 'slipway@example.com',
      ...changes,
    });
    closers.push(() => Promise.resolve(mailer.close()));
    return bench.activities({ mailer }).sendEmail;
  }

  const owe = () => bench.owe('email', { email: 'ann@example.com' }, 'ann@example.com');

  async function expectFailure(
    play: (socket: Socket) => void,
    { reason, isFinal }: { reason: RegExp; isFinal: boolean },
    changes?: { MAIL_USE_TLS?: boolean },
  ): Promise<void> {
    const server = await serve(play);
    const { delivery, rule } = await owe();
    const startedAtMs = Date.now();
    const failure = await failureOf(runActivity(sender(server, changes), delivery.uuid));
    assert.ok(Date.now() - startedAtMs < LONGEST_MS);
    assert.equal(failure.nonRetryable ?? false, isFinal, failure.message);
    for (const { lastError } of [await bench.stored(delivery), await bench.storedRule(rule)]) {
      assert.match(lastError ?? '', reason);
    }
    await eventually(() => assert.equal(server.open, 0, 'we have hung up'));
  }

  it('that greylist get the mail with a later try, once, under the same id', async () => {
    const mails: string[] = [];
    let tries = 0;
    const server = await serve(
      smtp(() => ((tries += 1) < 3 ? { RCPT: '451 4.7.1 greylisted, try again later' } : {}), mails),
    );
    const send = sender(server);
    const { delivery, rule } = await owe();
    for (const expected of [1, 2]) {
      const failure = await failureOf(runActivity(send, delivery.uuid));
      assert.equal(failure.nonRetryable, false);
      assert.equal((await bench.stored(delivery)).attempts, expected);
    }
    assert.match((await bench.storedRule(rule)).lastError ?? '', /refused the mail: .*greylisted.*\(try 2\)/);
    assert.equal(await runActivity(send, delivery.uuid), 'delivered');
    assert.equal((await bench.storedRule(rule)).lastError, null);
    assert.equal(await runActivity(send, delivery.uuid), 'gone');
    assert.equal(mails.length, 1);
    assert.match(mails[0] ?? '', new RegExp(`Message-ID: <${delivery.uuid}@reg.example>`, 'i'));
  });

  it('that never say a word', () =>
    expectFailure(() => undefined, { reason: /did not take the mail/, isFinal: false }));

  it('that greet byte by byte', () =>
    expectFailure((socket) => drip(socket, '220-slow', 20), {
      reason: /did not take the mail: Greeting never received/,
      isFinal: false,
    }));

  it('that greet without end', () =>
    expectFailure((socket) => pourInto(socket, Buffer.alloc(65_536, '220-more ')), {
      reason: /did not take the mail/,
      isFinal: false,
    }));

  it('that take the mail and never say so', () =>
    expectFailure(smtp({ end: '' }), { reason: /did not take the mail within 2 s/, isFinal: false }));

  it('that answer the mail byte by byte', () =>
    expectFailure(
      (socket) => {
        smtp({ end: '' })(socket);
        socket.on('data', (chunk) => chunk.includes('\r\n.\r\n') && drip(socket, '250-wait', 20));
      },
      { reason: /did not take the mail within 2 s/, isFinal: false },
    ));

  it('that hang up after the mail: it may have come, and the next try bears the same id', async () => {
    const mails: string[] = [];
    let tries = 0;
    const server = await serve(smtp(() => ((tries += 1) === 1 ? { end: 'hang up' } : {}), mails));
    const send = sender(server);
    const { delivery } = await owe();
    assert.equal((await failureOf(runActivity(send, delivery.uuid))).nonRetryable, false);
    assert.equal(await runActivity(send, delivery.uuid), 'delivered');
    const ids = mails.map((mail) => /^Message-ID: (.*)$/im.exec(mail)?.[1]);
    assert.equal(ids.length, 2);
    assert.equal(ids[0], ids[1]);
  });

  for (const step of ['RCPT', 'end'] as const) {
    it(`that refuse ${step === 'RCPT' ? 'the recipient' : 'the mail'} for ever are not asked again`, () =>
      expectFailure(smtp({ [step]: '550 5.1.1 no such user' }), {
        reason: /refused the mail: .*no such user/,
        isFinal: true,
      }));
  }

  const OPERATORS: [string, Script][] = [
    ['us at the door', { greeting: '554 5.7.1 you are on a list' }],
    ['our sender', { MAIL: '550 5.7.1 sender not allowed' }],
  ];
  for (const [whom, script] of OPERATORS) {
    it(`that refuse ${whom}: the operator can mend that, so it is tried again`, () =>
      expectFailure(smtp(script), { reason: /refused the mail: .*5\.7\.1/, isFinal: false }));
  }

  it('that announce STARTTLS and break off there get nothing in clear', async () => {
    const mails: string[] = [];
    const announced = { EHLO: '250-mail.test\r\n250 STARTTLS' };
    for (const STARTTLS of ['hang up', '454 not now', '220 go ahead\r\nthis is no TLS']) {
      await expectFailure(
        smtp({ ...announced, STARTTLS }, mails),
        { reason: /the mail server (refused|did not take) the mail/, isFinal: false },
        { MAIL_USE_TLS: true },
      );
    }
    await expectFailure(
      smtp({}, mails),
      { reason: /the mail server (refused|did not take) the mail/, isFinal: false },
      { MAIL_USE_TLS: true },
    );
    assert.deepEqual(mails, []);
  });
});
