import { escapeHtml } from '../../model/escape-html';

/** Two small pages for people who come from a mail; nothing of the request is echoed but the checked code. */
export function confirmationPage(code: string): string {
  if (!/^[\w-]{8,64}$/.test(code)) {
    return resultPage('Not confirmed', 'This link is incomplete; copy it whole from the mail.');
  }
  return page(
    'Confirm your address',
    `<p>Messages about the repository will be sent to the address that this mail reached.</p>
     <form method="post" action="/authrepoemail?code=${code}"><button type="submit" autofocus>Confirm</button></form>`,
  );
}

export function resultPage(title: string, sentence: string): string {
  return page(title, `<p>${escapeHtml(sentence)}</p>`);
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>${title}</h1>${body}</main></body></html>
`;
}
