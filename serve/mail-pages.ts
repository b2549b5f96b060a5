import { escapeHtml } from '../model/escape-html';

export interface CaughtMail {
  id: string;
  receivedAtMs: number;
  to: string[];
  subject: string;
}

const STYLE =
  'body{font-family:sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}table{border-collapse:collapse;width:100%}' +
  'th,td{text-align:left;padding:.4rem .8rem;border-bottom:1px solid #ccc}iframe{width:100%;height:24rem;border:1px solid #ccc}pre{white-space:pre-wrap}';

export function renderInbox(mails: CaughtMail[]): string {
  const rows = mails.map(
    (mail) =>
      `<tr><td>${new Date(mail.receivedAtMs).toISOString()}</td><td>${escapeHtml(mail.to.join(', '))}</td>` +
      `<td><a href="/messages/${mail.id}">${escapeHtml(mail.subject || '(no subject)')}</a></td></tr>`,
  );
  const body = rows.length
    ? `<table><thead><tr><th>Received</th><th>To</th><th>Subject</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
    : '<p>No mail yet. Everything that Slipway mails arrives here until an SMTP server is configured.</p>';
  return page('Mail', `<h1>Mail</h1>${body}`);
}

export function renderMail(mail: CaughtMail & { from: string; text: string; html: string }): string {
  const html = mail.html ? `<iframe sandbox title="Message" srcdoc="${escapeHtml(mail.html)}"></iframe>` : '';
  return page(
    mail.subject,
    `<p><a href="/">All mail</a></p><h1>${escapeHtml(mail.subject)}</h1><p>From ${escapeHtml(mail.from)} to ${escapeHtml(mail.to.join(', '))}, ` +
      `${new Date(mail.receivedAtMs).toISOString()}</p>${html}<h2>Text</h2><pre>${linkify(escapeHtml(mail.text))}</pre>`,
  );
}

/** Links of a mail can be clicked; `escaped` is HTML already. */
function linkify(escaped: string): string {
  return escaped.replace(/https?:\/\/[^\s&<]+/g, (url) => `<a href="${url}" rel="noreferrer">${url}</a>`);
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body><main>${body}</main></body></html>`;
}
