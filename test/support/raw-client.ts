import { connect } from 'node:net';
import type { Socket } from 'node:net';

export interface RawExchange {
  port: number;
  /** Written as they are, one after the other. */
  bytes: (Buffer | string)[];
  /**
   * What the client does once everything is written: waits for the answer, ends its own side first and still listens, or
   * hangs up at once.
   */
  then?: 'wait' | 'end' | 'hang-up';
  deadlineMs?: number;
}

export interface RawAnswer {
  status: number;
  /** Names in lower case; of a repeated field the last. */
  headers: Map<string, string>;
  body: Buffer;
  /** What came behind the body. */
  rest: Buffer;
}

/**
 * One connection for one exchange of bytes: the answer, or null when the server closed without one. Rejects when neither
 * has happened at the deadline: nothing that a client sends may leave it hanging.
 */
export async function exchangeRaw(exchange: RawExchange): Promise<RawAnswer | null> {
  return parseAnswer(await collect(exchange));
}

function collect({ port, bytes, then = 'wait', deadlineMs = 20_000 }: RawExchange): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const received: Buffer[] = [];
    const deadline = setTimeout(() => {
      const text = JSON.stringify(Buffer.concat(received).toString('latin1'));
      reject(new Error(`no end within ${deadlineMs} ms; came so far: ${text}`));
      socket.destroy();
    }, deadlineMs);
    socket.on('data', (chunk) => received.push(chunk));
    // A server that closes while bytes are still coming resets the connection; what it said before counts.
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(deadline);
      resolve(Buffer.concat(received));
    });
    socket.on('connect', () => send(socket, bytes, then));
  });
}

function send(socket: Socket, bytes: RawExchange['bytes'], then: RawExchange['then']): void {
  for (const part of bytes) socket.write(part);
  if (then === 'end') socket.end();
  if (then === 'hang-up') socket.write('', () => socket.destroy());
}

function parseAnswer(bytes: Buffer): RawAnswer | null {
  if (bytes.length === 0) return null;
  const end = bytes.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  if (end < 0 || Number.isNaN(status)) {
    throw new Error(`this is no HTTP answer: ${JSON.stringify(bytes.toString('latin1'))}`);
  }
  if (status === 100) return parseAnswer(bytes.subarray(end + 4));
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const content = bytes.subarray(end + 4);
  const length = Number(headers.get('content-length') ?? content.length);
  return { status, headers, body: content.subarray(0, length), rest: content.subarray(length) };
}
