import { once } from 'node:events';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { createServer as createTlsServer } from 'node:https';

import { RegistryError } from '../registry/errors';
import { sendError } from '../registry/reply';
import type { Certificate } from './tls';
import { hostFault, originForm } from './request-target';
import type { NewestResponses } from './unreadable-requests';
import { answerUnreadable } from './unreadable-requests';

/** Takes a request when it is its own, and says so; everything else goes on to the next. */
export type FrontHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  options: { awaitsContinue: boolean },
) => boolean;

/**
 * The HTTP server of the product (performance spec 5, 7): `/v2` is tried first and never enters the general stack.
 * A push may last for hours, so there is no limit on a whole request; the registry has an idle limit of its own.
 */
export function createHttpServer(registry: FrontHandler, app: RequestListener): Server {
  return connectHandlers(createServer(OPTIONS), registry, app);
}

/** The same behind TLS. */
export function createHttpsServer(
  certificate: Certificate,
  registry: FrontHandler,
  app: RequestListener,
): TlsServer {
  return connectHandlers(createTlsServer({ ...OPTIONS, ...certificate }), registry, app);
}

const OPTIONS = {
  requestTimeout: 0,
  headersTimeout: 15_000,
  keepAliveTimeout: 75_000,
  maxHeaderSize: 32 * 1024,
  noDelay: true,
  // Looked at below, where the answer is one that clients can read.
  requireHostHeader: false,
};

function connectHandlers<S extends Server>(server: S, registry: FrontHandler, app: RequestListener): S {
  const newest: NewestResponses = new WeakMap();
  const serve = (request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean) => {
    const before = newest.get(request.socket);
    newest.set(request.socket, response);
    // Told that the connection closes, its client knows that this one is not looked at (RFC 9112, 9.6).
    if (before && !before.shouldKeepAlive) return;
    const fault = hostFault(request);
    if (fault !== undefined) {
      response.shouldKeepAlive = false;
      sendError(request, response, new RegistryError('INVALID_REQUEST', {}, { message: fault }));
      return;
    }
    request.url = originForm(request.url ?? '');
    if (registry(request, response, { awaitsContinue })) return;
    if (awaitsContinue) response.writeContinue();
    app(request, response);
  };
  server.on('request', (request, response) => serve(request, response, false));
  // The client waits with its body: the registry looks at its credentials before it asks for gigabytes.
  server.on('checkContinue', (request, response) => serve(request, response, true));
  answerUnreadable(server, newest);
  return server;
}

/** Rejects when the address is taken or not this machine's. */
export async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening');
}
