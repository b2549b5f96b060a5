import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import PostalMime from 'postal-mime';
import type { Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';

import type { Config } from '../config/schema';
import type { Logger } from '../telemetry/logger';
import type { CaughtMail } from './mail-pages';
import { renderInbox, renderMail } from './mail-pages';

const LARGEST_MAIL_BYTES = 10 * 1024 * 1024;
/** Senders keep connections open for their next mail. */
const CLOSE_LIMIT_MS = 2000;

export interface MailCatcher {
  close(): Promise<void>;
}

/**
 * Takes every mail for any address, keeps it as a file, and shows it on a page: for embedded mode, until an SMTP
 * server is configured. Loopback only.
 */
export async function startMailCatcher(
  settings: NonNullable<Config['MAIL_CATCHER']>,
  logger: Logger,
): Promise<MailCatcher> {
  await mkdir(settings.PATH, { recursive: true });
  const smtp = createSmtpServer(settings.PATH, logger);
  const pages = createPages(settings.PATH, logger);
  await new Promise<void>((resolve, reject) => {
    smtp.once('error', reject);
    smtp.listen(settings.SMTP_PORT, '127.0.0.1', () => resolve());
  });
  smtp.on('error', (err) => logger.warn({ err }, 'the mail catcher lost a connection'));
  await new Promise<void>((resolve, reject) => {
    pages.once('error', reject);
    pages.listen(settings.HTTP_PORT, '127.0.0.1', () => resolve());
  });
  return {
    async close() {
      pages.closeAllConnections();
      await Promise.all([
        new Promise<void>((resolve) => smtp.close(() => resolve())),
        new Promise<void>((resolve) => pages.close(() => resolve())),
      ]);
    },
  };
}

function createSmtpServer(folder: string, logger: Logger): SMTPServer {
  let counter = 0;
  return new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    size: LARGEST_MAIL_BYTES,
    closeTimeout: CLOSE_LIMIT_MS,
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.once('error', done);
      stream.once('end', () => {
        if (stream.sizeExceeded) return done(new Error('the mail is larger than 10 MiB'));
        const id = `${Date.now()}-${process.pid}-${(counter += 1)}`;
        const recipients = session.envelope.rcptTo.map((recipient) => recipient.address);
        keep(folder, id, recipients, Buffer.concat(chunks)).then(
          () => done(),
          (err: unknown) => {
            logger.error({ err }, 'a mail could not be kept');
            // The sender keeps it and tries again: a full disk is empty again some day.
            done(Object.assign(new Error('the mail could not be kept'), { responseCode: 452 }));
          },
        );
      });
    },
  });
}

/** The name appears when the content is whole, so a reader never sees half a mail. */
async function keep(folder: string, id: string, recipients: string[], body: Buffer): Promise<void> {
  const path = join(folder, id);
  try {
    await writeFile(
      `${path}.tmp`,
      Buffer.concat([Buffer.from(`X-Envelope-To: ${recipients.join(', ')}\r\n`), body]),
    );
    await rename(`${path}.tmp`, `${path}.eml`);
  } catch (error) {
    await rm(`${path}.tmp`, { force: true }).catch(() => undefined);
    throw error;
  }
}

function createPages(folder: string, logger: Logger): Server {
  return createServer((request, response) => {
    answer(folder, request.url ?? '/').then(
      ({ status, type, body }) => {
        response.writeHead(status, {
          'content-type': type,
          // What was mailed is shown, never run.
          'content-security-policy':
            "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; img-src data:",
          'x-content-type-options': 'nosniff',
        });
        response.end(body);
      },
      (err: unknown) => {
        logger.error({ err }, 'the mail page failed');
        response.writeHead(500).end('the mail could not be read\n');
      },
    );
  });
}

interface Page {
  status: number;
  type: string;
  body: string;
}

const HTML = 'text/html; charset=utf-8';

async function answer(folder: string, url: string): Promise<Page> {
  const { pathname } = new URL(url, 'http://mail');
  if (pathname === '/') return { status: 200, type: HTML, body: renderInbox(await listMails(folder)) };
  if (pathname === '/api/messages') {
    return {
      status: 200,
      type: 'application/json',
      body: JSON.stringify({ messages: await listMails(folder) }),
    };
  }
  const match = /^\/(?:api\/)?messages\/([\w-]+)$/.exec(pathname);
  const mail = match?.[1] ? await readMail(folder, match[1]) : undefined;
  if (!mail) return { status: 404, type: 'text/plain; charset=utf-8', body: 'there is no such mail\n' };
  if (pathname.startsWith('/api/')) {
    return { status: 200, type: 'application/json', body: JSON.stringify(mail) };
  }
  return { status: 200, type: HTML, body: renderMail(mail) };
}

async function listMails(folder: string): Promise<CaughtMail[]> {
  const names = (await readdir(folder))
    .filter((name) => name.endsWith('.eml'))
    .sort()
    .reverse()
    .slice(0, 200);
  const mails: CaughtMail[] = [];
  for (const name of names) {
    const mail = await readMail(folder, name.slice(0, -4));
    if (mail) {
      mails.push({ id: mail.id, receivedAtMs: mail.receivedAtMs, to: mail.to, subject: mail.subject });
    }
  }
  return mails;
}

/** One mail with its bodies and headers; ids are checked by the caller's pattern, so a path cannot leave the folder. */
async function readMail(folder: string, id: string) {
  let raw: Buffer;
  try {
    raw = await readFile(join(folder, `${id}.eml`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const parsed: Email = await PostalMime.parse(raw);
  const header = (name: string) => parsed.headers.find(({ key }) => key === name)?.value ?? '';
  return {
    id,
    receivedAtMs: Number(id.split('-')[0]),
    to: header('x-envelope-to').split(', '),
    from: parsed.from?.address ?? '',
    subject: parsed.subject ?? '',
    text: parsed.text ?? '',
    html: parsed.html ?? '',
    deliveryId: header('x-slipway-delivery'),
  };
}
