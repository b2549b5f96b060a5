import type { Socket } from 'node:net';
import { connect } from 'node:net';

interface Place {
  host: string;
  token: string;
  path: string;
}

const HEAD_LIMIT_BYTES = 16 * 1024;

/** Sends `piece` `times` times as one body on a connection of its own; the status of the answer. */
export async function putRepeated(
  { host, token, path }: Place,
  piece: Buffer,
  times: number,
): Promise<number> {
  const socket = open(host);
  const answer = readAnswer(socket, { isHeadEnough: true });
  // When the server hangs up, the answer says so.
  socket.on('error', () => undefined);
  socket.write(head('PUT', path, { host, token, length: piece.length * times }));
  for (let sent = 0; sent < times && !socket.destroyed; sent += 1) {
    if (!socket.write(piece)) await drained(socket);
  }
  const { status } = await answer;
  socket.destroy();
  return status;
}

/** Reads a blob on a connection of its own into nothing; how many bytes came. `onBytes` sees each piece, which is used again. */
export async function pullThrough(
  { host, token, path }: Place,
  onBytes: (bytes: Buffer) => void = () => undefined,
): Promise<{ status: number; bodyBytes: number }> {
  const socket = open(host);
  const answer = readAnswer(socket, { isHeadEnough: false, onBytes });
  socket.write(head('GET', path, { host, token, length: 0 }));
  const read = await answer;
  socket.destroy();
  return read;
}

/** Reads into one buffer for all connections: what a client does must not disturb what is measured. */
function open(host: string): RawSocket {
  const [name, port] = host.split(':');
  const listeners: ((bytes: Buffer) => void)[] = [];
  const socket = connect({
    host: name,
    port: Number(port),
    onread: {
      buffer: SHARED,
      callback: (size) => {
        for (const listener of listeners) listener(SHARED.subarray(0, size));
        return true;
      },
    },
  });
  return Object.assign(socket, { onBytes: (listener: (bytes: Buffer) => void) => listeners.push(listener) });
}

const SHARED = Buffer.allocUnsafeSlow(256 * 1024);

type RawSocket = Socket & { onBytes(listener: (bytes: Buffer) => void): void };

interface Reading {
  isHeadEnough: boolean;
  onBytes?: (bytes: Buffer) => void;
}

function readAnswer(
  socket: RawSocket,
  { isHeadEnough, onBytes }: Reading,
): Promise<{ status: number; bodyBytes: number }> {
  return new Promise((resolve, reject) => {
    let text = '';
    let status = 0;
    let lengthBytes = 0;
    let bodyBytes = 0;
    const takeBody = (bytes: Buffer) => {
      bodyBytes += bytes.length;
      onBytes?.(bytes);
      if (isHeadEnough || bodyBytes >= lengthBytes) resolve({ status, bodyBytes });
    };
    socket.onBytes((bytes) => {
      if (status > 0) return takeBody(bytes);
      const before = text.length;
      text += bytes.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0 && text.length < HEAD_LIMIT_BYTES) return;
      status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
      lengthBytes = Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? 0);
      takeBody(bytes.subarray(Math.max(0, end + 4 - before)));
    });
    socket.once('error', reject);
    socket.once('close', () =>
      reject(new Error(`the connection closed after ${bodyBytes} of ${lengthBytes} bytes`)),
    );
  });
}

function head(
  method: string,
  path: string,
  { host, token, length }: { host: string; token: string; length: number },
) {
  return `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${length}\r\n\r\n`;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.once('drain', done).once('close', done);
  });
}
