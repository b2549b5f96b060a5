import type { IncomingMessage, ServerResponse } from 'node:http';

import { ERRORS } from './errors';
import type { RegistryError } from './errors';

type Headers = Record<string, string | number | readonly string[]>;

/** What is read of a body that nobody wants, so that the client gets to see the answer (performance spec 7). */
const DRAIN_LIMIT_BYTES = 4 * 1024 ** 2;
const DRAIN_TIMEOUT_MS = 10_000;

export const API_VERSION = { 'Docker-Distribution-API-Version': 'registry/2.0' };

export function sendEmpty(res: ServerResponse, status: number, headers: Headers = {}): void {
  const length = status === 204 || status === 304 ? {} : { 'Content-Length': 0 };
  res.writeHead(status, { ...API_VERSION, ...length, ...headers });
  res.end();
}

/** HEAD answers carry the headers of GET, the length too, without the bytes. */
export function sendBytes(res: ServerResponse, status: number, body: Buffer, headers: Headers): void {
  res.writeHead(status, { ...API_VERSION, 'Content-Length': body.length, ...headers });
  if (res.req.method === 'HEAD') res.end();
  else res.end(body);
}

/** The head of an answer whose bytes follow in a stream. */
export function sendHead(res: ServerResponse, status: number, headers: Headers): void {
  res.writeHead(status, { ...API_VERSION, ...headers });
}

export function sendJson(res: ServerResponse, status: number, body: unknown, headers: Headers = {}): void {
  sendBytes(res, status, Buffer.from(JSON.stringify(body)), {
    'Content-Type': 'application/json',
    ...headers,
  });
}

/** Renders a refusal; the connection is given up when the client is still sending what nobody reads. */
export function sendError(req: IncomingMessage, res: ServerResponse, error: RegistryError): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const status = error.status || ERRORS.UNKNOWN.status;
  if (!isBodyPending(req)) {
    sendJson(res, status, error.toBody(), error.headers);
    return;
  }
  res.shouldKeepAlive = false;
  const body = Buffer.from(JSON.stringify(error.toBody()));
  sendHead(res, status, {
    ...error.headers,
    ...{ 'Content-Type': 'application/json', 'Content-Length': body.length, Connection: 'close' },
  });
  if (req.method === 'HEAD') res.flushHeaders();
  else res.write(body);
  // Its end closes the connection, and what the client is still sending would then reset it before the answer is read.
  drain(req, () => res.end());
}

function isBodyPending(req: IncomingMessage): boolean {
  const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length']) > 0;
  return hasBody && !req.readableEnded && !req.destroyed;
}

function drain(req: IncomingMessage, onEnd: () => void): void {
  let drainedBytes = 0;
  const giveUp = setTimeout(() => req.destroy(), DRAIN_TIMEOUT_MS);
  giveUp.unref();
  req.on('end', onEnd);
  req.on('data', (chunk: Buffer) => {
    drainedBytes += chunk.length;
    if (drainedBytes > DRAIN_LIMIT_BYTES) req.destroy();
  });
  req.on('close', () => clearTimeout(giveUp));
  // An upload that was refused in its middle has left the request paused.
  req.resume();
}
