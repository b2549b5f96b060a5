import { startMailCatcher } from '../../serve/mail-catcher';
import { createLogger } from '../../telemetry/logger';

/** An SMTP server as a process of its own: arguments folder of what it took, SMTP port, port of its pages. */
async function main([folder = '', smtpPort = '', httpPort = '']: string[]): Promise<void> {
  const settings = { PATH: folder, SMTP_PORT: Number(smtpPort), HTTP_PORT: Number(httpPort) };
  await startMailCatcher(settings, createLogger('mail server', { LOG_LEVEL: 'warn' }));
}

void main(process.argv.slice(2));
