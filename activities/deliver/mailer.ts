import { createTransport } from 'nodemailer';

import type { Config } from '../../config/schema';

export interface Mail {
  to: string;
  subject: string;
  text: string;
  html: string;
  /** Makes the Message-ID, so that a repeated mail is recognised as the same one. */
  deliveryId: string;
}

export interface Mailer {
  /** Resolves when the mail server took the mail; rejects with the server's answer. */
  send(mail: Mail): Promise<void>;
  close(): void;
}

type MailConfig = Pick<
  Config,
  | 'MAIL_SERVER'
  | 'MAIL_PORT'
  | 'MAIL_USE_TLS'
  | 'MAIL_USERNAME'
  | 'MAIL_PASSWORD'
  | 'MAIL_DEFAULT_SENDER'
  | 'SERVER_HOSTNAME'
  | 'NOTIFICATION_SEND_TIMEOUT'
>;

/** The configured SMTP server; the operator chose its address, so it does not go through the guarded dialler. */
export function createMailer(config: MailConfig): Mailer {
  const timeoutMs = config.NOTIFICATION_SEND_TIMEOUT * 1000;
  const host = config.SERVER_HOSTNAME.replace(/:\d+$/, '');
  const transport = createTransport({
    host: config.MAIL_SERVER,
    port: config.MAIL_PORT,
    secure: config.MAIL_USE_TLS && config.MAIL_PORT === 465,
    requireTLS: config.MAIL_USE_TLS,
    ignoreTLS: !config.MAIL_USE_TLS,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    ...(config.MAIL_USERNAME
      ? { auth: { user: config.MAIL_USERNAME, pass: config.MAIL_PASSWORD ?? '' } }
      : {}),
  });
  return {
    async send({ to, subject, text, html, deliveryId }) {
      await transport.sendMail({
        from: config.MAIL_DEFAULT_SENDER,
        to,
        subject,
        text,
        html,
        messageId: `<${deliveryId}@${host}>`,
        headers: { 'X-Slipway-Delivery': deliveryId, 'Auto-Submitted': 'auto-generated' },
      });
    },
    close: () => transport.close(),
  };
}
