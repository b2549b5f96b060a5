import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

import type { ApiResponse } from '../route';

/** Pages that people reach from a mail: no script, in no frame, in no cache (permissions spec 13.4). */
const PAGE_HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'",
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** Sends the answer of a handler; HEAD gets the headers of GET. */
export async function respond(response: ServerResponse, answer: ApiResponse): Promise<void> {
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  response.statusCode = answer.status;
  if (answer.stream) {
    await pipeline(answer.stream, response);
    return;
  }
  if (answer.html !== undefined) {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value);
    sendText(response, answer.html);
    return;
  }
  if (answer.text !== undefined) {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    sendText(response, answer.text);
    return;
  }
  if (answer.body === undefined) {
    response.end();
    return;
  }
  if (!response.hasHeader('Content-Type')) response.setHeader('Content-Type', 'application/json');
  sendText(response, `${JSON.stringify(answer.body)}\n`);
}

function sendText(response: ServerResponse, text: string): void {
  const bytes = Buffer.from(text);
  response.setHeader('Content-Length', bytes.length);
  response.end(response.req.method === 'HEAD' ? undefined : bytes);
}
