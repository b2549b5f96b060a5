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
  /** Resolves when the mail server took the mail; rejects with {@link MailError}. */
  send(mail: Mail, signal?: AbortSignal): Promise<void>;
  close(): void;
}

export class MailError extends Error {
  constructor(
    message: string,
    /** Of the server's answer; null when there was none. */
    readonly responseStatus: number | null,
    /** The server refused this mail or its recipient for good. */
    readonly permanent: boolean,
    /** The server said nothing. */
    readonly isSilence: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'MailError';
  }
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
  | 'MAIL_SEND_TIMEOUT'
>;

/** The configured SMTP server; the operator chose its address, so it does not go through the guarded dialler. */
export function createMailer(config: MailConfig): Mailer {
  const timeoutMs = config.MAIL_SEND_TIMEOUT * 1000;
  const host = config.SERVER_HOSTNAME.replace(/:\d+$/, '');
  const transport = createTransport({
    host: config.MAIL_SERVER,
    port: config.MAIL_PORT,
    secure: config.MAIL_USE_TLS && config.MAIL_PORT === 465,
    requireTLS: config.MAIL_USE_TLS,
    ignoreTLS: !config.MAIL_USE_TLS,
    // For everything up to the greeting, which servers delay on purpose.
    connectionTimeout: timeoutMs / 2,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    ...(config.MAIL_USERNAME
      ? { auth: { user: config.MAIL_USERNAME, pass: config.MAIL_PASSWORD ?? '' } }
      : {}),
  });
  return {
    async send(mail, signal) {
      // nodemailer's own limits are for each silence: a server that answers byte by byte passes them all.
      const deadline = AbortSignal.timeout(timeoutMs);
      try {
        await transport.sendMail({
          ...messageOf(mail, config.MAIL_DEFAULT_SENDER, host),
          signal: signal ? AbortSignal.any([deadline, signal]) : deadline,
        });
      } catch (error) {
        if (deadline.aborted) {
          const message = `the mail server did not take the mail within ${config.MAIL_SEND_TIMEOUT} s`;
          throw new MailError(message, null, false, true, { cause: error });
        }
        throw explain(error);
      }
    },
    close: () => transport.close(),
  };
}

function messageOf({ to, subject, text, html, deliveryId }: Mail, from: string, host: string) {
  return {
    from,
    to,
    subject,
    text,
    html,
    messageId: `<${deliveryId}@${host}>`,
    headers: { 'X-Slipway-Delivery': deliveryId, 'Auto-Submitted': 'auto-generated' },
  };
}

/** 503 speaks of the session, not of the mail; so does a 5xx to anything but the recipient and the mail itself. */
function explain(error: unknown): MailError {
  const { message = String(error), code, command, responseCode } = error as Partial<SmtpFailure>;
  const status = responseCode ?? null;
  const isAboutMail = command === 'RCPT TO' || command === 'DATA';
  const permanent = isAboutMail && status !== null && status >= 500 && status !== 503;
  const verb = status === null ? 'did not take the mail' : 'refused the mail';
  const isSilence = code === 'ETIMEDOUT' || code === 'EABORT';
  // The server chooses these words.
  const said = message.replace(/\s+/g, ' ').slice(0, 500);
  return new MailError(`the mail server ${verb}: ${said}`, status, permanent, isSilence, { cause: error });
}

interface SmtpFailure {
  message: string;
  code: string;
  command: string;
  responseCode: number;
}
