import type { Config } from '../../config/schema';
import type { IssuedConfirmation } from '../../commands/notifications/email-authorization';
import { escapeHtml } from '../../model/escape-html';
import type { MailBody } from './render-mail';

type Titles = Pick<Config, 'SERVER_HOSTNAME' | 'PREFERRED_URL_SCHEME' | 'REGISTRY_TITLE_SHORT'>;

/** The mail that asks whether messages about a repository are wanted (notifications spec 9). */
export function renderConfirmationMail(
  config: Titles,
  issued: IssuedConfirmation,
): MailBody & { subject: string } {
  // The host comes from the configuration, never from a request (permissions spec 13.2, 17).
  const link = `${config.PREFERRED_URL_SCHEME}://${config.SERVER_HOSTNAME}/authrepoemail?code=${issued.code}`;
  const question = `Somebody asked ${config.REGISTRY_TITLE_SHORT} to send messages about repository ${issued.repository} to this address.`;
  const hint = 'If you do not want them, ignore this mail: nothing is sent before the address is confirmed.';
  return {
    subject: `[${config.REGISTRY_TITLE_SHORT}] Please verify your e-mail address for repository ${issued.repository}`,
    text: [question, '', 'To confirm, open', link, '', hint, ''].join('\n'),
    html:
      `<!doctype html><html><body style="font-family:sans-serif"><p>${escapeHtml(question)}</p>` +
      `<p><a href="${escapeHtml(link)}" style="padding:8px 16px;background:#0066cc;color:#fff">Confirm this address</a></p>` +
      `<p>${escapeHtml(hint)}</p></body></html>`,
  };
}
