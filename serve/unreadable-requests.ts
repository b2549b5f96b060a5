import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

import { RegistryError } from '../registry/errors';
import { API_VERSION, sendError } from '../registry/reply';

/** For the client to read what it did wrong before its connection is reset under what it still sends. */
const LINGER_MS = 1000;

/** The newest request of each connection; whoever takes a request notes it here. */
export type NewestResponses = WeakMap<Duplex, ServerResponse>;

/**
 * Answers what the HTTP parser refuses before any handler sees it, and what Node would refuse without a word, in the error
 * JSON of the registry: clients that speak nothing else show it.
 */
export function answerUnreadable(server: Server, newest: NewestResponses): void {
  const refused = new WeakSet<Duplex>();
  server.on('clientError', (error: ParserError, socket) => {
    if (refused.has(socket)) return;
    refused.add(socket);
    const response = newest.get(socket);
    if (!response || response.writableFinished) answerFinished(socket, response, error);
    else if (response.req.complete) response.once('close', () => refuse(socket, asRefusal(error)));
    else if (response.headersSent) socket.destroy();
    else refuse(socket, asRefusal(error));
  });
  server.on('connect', (_, socket: Duplex) => {
    const message = 'this is no proxy';
    refuse(socket, new RegistryError('UNSUPPORTED', {}, { message }));
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    newest.set(request.socket, response);
    const message = `"${request.headers.expect ?? ''}" is nothing that this server could meet`;
    sendError(request, response, new RegistryError('INVALID_REQUEST', {}, { status: 417, message }));
  });
}

type ParserError = NodeJS.ErrnoException & { reason?: string };

/** Nothing is under way: the bytes are a request of their own, unless they are the rest of one that has its answer. */
function answerFinished(socket: Duplex, response: ServerResponse | undefined, error: ParserError): void {
  if (response && !response.req.complete) socket.destroy();
  else refuse(socket, asRefusal(error));
}

function asRefusal({ code, reason }: ParserError): RegistryError {
  const detail = { reason: reason ?? code ?? '' };
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': {
      const message = 'the request line and the headers are too long together';
      return new RegistryError('INVALID_REQUEST', detail, { status: 431, message });
    }
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW': {
      const message = 'the extensions of a chunk are too long';
      return new RegistryError('INVALID_REQUEST', detail, { status: 413, message });
    }
    case 'ERR_HTTP_REQUEST_TIMEOUT': {
      const message = 'the headers did not come in time';
      return new RegistryError('INVALID_REQUEST', detail, { status: 408, message });
    }
    default:
      return new RegistryError('INVALID_REQUEST', detail, { message: 'this is not a request of HTTP/1.1' });
  }
}

function refuse(socket: Duplex, error: RegistryError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(error.toBody());
  const headers = {
    ...{ Date: new Date().toUTCString(), Connection: 'close', 'Content-Type': 'application/json' },
    ...{ ...API_VERSION, 'Content-Length': Buffer.byteLength(body) },
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const head = [`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`, ...lines];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  const giveUp = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(giveUp));
}
