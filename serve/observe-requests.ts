import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import type { ClientAddress } from '../auth/client-address';
import type { AccessLog } from '../telemetry/access-log';
import { noteOf } from '../telemetry/request-notes';
import type { ServeMetrics } from '../telemetry/serve-metrics';

interface Observers {
  metrics: ServeMetrics;
  accessLog: AccessLog | undefined;
  clientAddress: ClientAddress;
}

/** Bytes of a connection that earlier requests account for. */
interface Accounted {
  readBytes: number;
  writtenBytes: number;
}

/** Gives every request an id, which its answer carries, and counts and logs it when it ends. */
export function observeRequests(server: Server, observers: Observers): void {
  const accounts = new WeakMap<Socket, Accounted>();
  for (const event of ['request', 'checkContinue'] as const) {
    server.prependListener(event, (request: IncomingMessage, response: ServerResponse) => {
      observe(request, response, observers, accounts);
    });
  }
}

function observe(
  request: IncomingMessage,
  response: ServerResponse,
  { metrics, accessLog, clientAddress }: Observers,
  accounts: WeakMap<Socket, Accounted>,
): void {
  const startMs = performance.now();
  const note = noteOf(request);
  const { socket, method = '', url = '' } = request;
  // Asked now: nobody knows the other end of a connection that has gone.
  const address = clientAddress(request);
  response.setHeader('X-Request-ID', note.id);
  response.once('close', () => {
    const durationMs = performance.now() - startMs;
    const status = response.writableFinished ? response.statusCode : 'cut';
    const bytes = account(socket, accounts);
    metrics.countRequest({
      ...{ method, route: note.route, status: String(status) },
      ...{ seconds: durationMs / 1000, ...bytes },
    });
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    accessLog?.write({ requestId: note.id, address, method, path, status, durationMs, ...bytes });
  });
}

function account(
  socket: Socket,
  accounts: WeakMap<Socket, Accounted>,
): { receivedBytes: number; sentBytes: number } {
  const before = accounts.get(socket) ?? { readBytes: 0, writtenBytes: 0 };
  const now = { readBytes: socket.bytesRead, writtenBytes: socket.bytesWritten };
  accounts.set(socket, now);
  return {
    receivedBytes: now.readBytes - before.readBytes,
    sentBytes: now.writtenBytes - before.writtenBytes,
  };
}
