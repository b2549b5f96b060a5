import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createMailer } from '../../activities/deliver/mailer';
import type { MailCatcher } from '../../serve/mail-catcher';
import { startMailCatcher } from '../../serve/mail-catcher';
import { silentLogger } from '../../telemetry/logger';
import { freePort } from '../support/processes';

describe('the mail catcher', () => {
  let catcher: MailCatcher;
  let folder: string;
  let base: string;
  let smtpPort: number;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-mail-'));
    smtpPort = await freePort();
    const httpPort = await freePort();
    base = `http://127.0.0.1:${httpPort}`;
    catcher = await startMailCatcher(
      { SMTP_PORT: smtpPort, HTTP_PORT: httpPort, PATH: folder },
      silentLogger,
    );
  });

  after(async () => {
    await catcher.close();
    rmSync(folder, { recursive: true });
  });

  it('keeps what our own mailer sends, and shows it with its links', async () => {
    const mailer = createMailer({
      MAIL_SERVER: '127.0.0.1',
      MAIL_PORT: smtpPort,
      MAIL_USE_TLS: false,
      MAIL_DEFAULT_SENDER: 'slipway@example.com',
      SERVER_HOSTNAME: 'localhost:1',
      MAIL_SEND_TIMEOUT: 2,
    });
    await mailer.send({
      to: 'ann@example.com',
      subject: 'hello <b>',
      text: 'see https://example.com/x?code=a_b-c',
      html: '<p>hi</p>',
      deliveryId: 'd-1',
    });
    const { messages } = (await (await fetch(`${base}/api/messages`)).json()) as {
      messages: { id: string; to: string[] }[];
    };
    const found = messages.find(({ to }) => to.includes('ann@example.com'));
    assert.ok(found);
    const mail = (await (await fetch(`${base}/api/messages/${found.id}`)).json()) as Record<string, unknown>;
    assert.equal(mail.subject, 'hello <b>');
    assert.equal(mail.deliveryId, 'd-1');
    const page = await (await fetch(`${base}/messages/${found.id}`)).text();
    assert.match(page, /<a href="https:\/\/example\.com\/x\?code=a_b-c"/);
    assert.doesNotMatch(page, /hello <b>/);
    assert.match(await (await fetch(`${base}/`)).text(), /ann@example\.com/);
  });

  it('answers 404 for what is no mail, and never leaves its folder', async () => {
    for (const path of ['/messages/none', '/messages/..%2f..%2fetc%2fpasswd', '/api/messages/none', '/x']) {
      assert.equal((await fetch(`${base}${path}`)).status, 404, path);
    }
  });
});
