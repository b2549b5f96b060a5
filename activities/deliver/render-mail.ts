import { escapeHtml } from '../../model/escape-html';
import type { EventMessage } from '../../model/event-messages';

export interface MailBody {
  text: string;
  html: string;
}

const COLOURS = {
  info: '#6a6e73',
  primary: '#0066cc',
  success: '#3e8635',
  warning: '#f0ab00',
  error: '#c9190b',
};

/** Text and HTML of one message; everything that came from outside is escaped. */
export function renderMail(message: EventMessage, footer: string): MailBody {
  const lines = message.facts.map(({ label, value }) => `${label}: ${value}`);
  const rows = message.facts.map(
    ({ label, value }) =>
      `<tr><th align="left" valign="top" style="padding:2px 12px 2px 0">${escapeHtml(label)}</th>` +
      `<td style="white-space:pre-wrap">${escapeHtml(value)}</td></tr>`,
  );
  const link = message.link
    ? `<p><a href="${escapeHtml(message.link)}">${escapeHtml(message.link)}</a></p>`
    : '';
  return {
    text: [
      message.summary,
      '',
      ...lines,
      '',
      ...(message.link ? [message.link, ''] : []),
      '-- ',
      footer,
      '',
    ].join('\n'),
    html:
      `<!doctype html><html><body style="font-family:sans-serif">` +
      `<h2 style="border-left:6px solid ${COLOURS[message.level]};padding-left:10px">${escapeHtml(message.summary)}</h2>` +
      `<table>${rows.join('')}</table>${link}<hr><p style="color:#6a6e73">${escapeHtml(footer)}</p></body></html>`,
  };
}
