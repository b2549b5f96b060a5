import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';

export interface RawServer {
  port: number;
  /** Connections that were made so far. */
  connections: number;
  /** Connections that are open now. */
  open: number;
  /** What our side of all connections has written and the other side has let through. */
  bytesWritten(): number;
  close(): Promise<void>;
}

/** A TCP server on loopback that plays whatever `play` writes. */
export async function startRawServer(play: (socket: Socket) => void): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    raw.connections += 1;
    raw.open += 1;
    socket.on('close', () => (raw.open -= 1));
    play(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const raw: RawServer = {
    port: (server.address() as AddressInfo).port,
    connections: 0,
    open: 0,
    bytesWritten: () => [...sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return raw;
}

/** Writes the block for as long as somebody reads, `limitBytes` at most. */
export function pourInto(socket: Socket, block: Buffer, limitBytes = Infinity): void {
  let left = limitBytes;
  const more = (): void => {
    while (!socket.destroyed && left > 0) {
      left -= block.length;
      if (!socket.write(block)) return;
    }
  };
  socket.on('drain', more);
  more();
}

/** Writes a text again and again, byte by byte. */
export function drip(socket: Socket, text: string, everyMs: number): void {
  let at = 0;
  const timer = setInterval(() => socket.write(text.charAt(at++ % text.length)), everyMs);
  socket.on('close', () => clearInterval(timer));
}
