import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';

export interface Answer {
  status: number;
  /** The head as it was received. */
  head: string;
  bodyBytes: number;
  /** From the last byte of the request's head to the first of the answer. */
  firstByteMs: number;
}

interface Pending {
  isHead: boolean;
  sentAtMs: number;
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

const HEAD_END = '\r\n\r\n';
const CHUNKED_END = '\r\n0\r\n\r\n';

/**
 * One keep-alive connection, one request at a time, as thin as Node allows: bodies go out of shared buffers and come into
 * one that is used again, so that the client takes as little of the machine as it can from the servers that are measured.
 */
export class HttpConnection {
  private head = '';
  private answer: Answer | undefined;
  private leftBytes = 0;
  /** The last bytes of a chunked body, among which its end is looked for; undefined for other bodies. */
  private chunkedTail: string | undefined;
  private pending: Pending | undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly host: string,
  ) {}

  static async open(port: number, readBytes: number): Promise<HttpConnection> {
    let connection: HttpConnection | undefined = undefined;
    const socket = connect({
      ...{ host: '127.0.0.1', port, noDelay: true },
      onread: {
        buffer: Buffer.allocUnsafeSlow(readBytes),
        callback: (count, buffer) => {
          connection?.read(Buffer.from(buffer.buffer, buffer.byteOffset, count));
          return true;
        },
      },
    });
    await once(socket, 'connect');
    connection = new HttpConnection(socket, `127.0.0.1:${port}`);
    const made = connection;
    socket.on('error', (error) => made.fail(error));
    socket.on('close', () => made.fail(new Error('the server closed the connection')));
    return made;
  }

  /** `target` is a path with its query or an address on this server; `body` goes out in order. */
  async request(
    method: string,
    target: string,
    headers: string,
    body: readonly Buffer[] = [],
  ): Promise<Answer> {
    const path = target.startsWith('http') ? target.slice(target.indexOf('/', 'https://'.length)) : target;
    let length = 0;
    for (const part of body) length += part.length;
    const hasBody = body.length > 0 || method === 'POST' || method === 'PUT';
    const head = `${method} ${path} HTTP/1.1\r\nHost: ${this.host}\r\n${headers}${hasBody ? `Content-Length: ${length}\r\n` : ''}\r\n`;
    const answer = new Promise<Answer>((resolve, reject) => {
      this.pending = { isHead: method === 'HEAD', sentAtMs: performance.now(), resolve, reject };
    });
    // Met below; a connection that breaks while the body goes out rejects it before.
    answer.catch(() => undefined);
    this.socket.cork();
    this.socket.write(head, 'latin1');
    const first = body.slice(0, 2);
    for (const part of first) this.socket.write(part);
    this.socket.uncork();
    for (const part of body.slice(first.length)) {
      if (!this.socket.write(part)) await Promise.race([once(this.socket, 'drain'), answer]);
    }
    return answer;
  }

  close(): void {
    this.socket.removeAllListeners('close');
    this.socket.destroy();
  }

  private read(bytes: Buffer): void {
    if (this.answer) return this.readBody(bytes);
    this.head += bytes.toString('latin1');
    const end = this.head.indexOf(HEAD_END);
    if (end < 0) return;
    const rest = this.head.length - end - HEAD_END.length;
    const head = this.head.slice(0, end);
    this.head = '';
    this.begin(head);
    this.readBody(bytes.subarray(bytes.length - rest));
  }

  private begin(head: string): void {
    const { isHead = false, sentAtMs = 0 } = this.pending ?? {};
    this.answer = {
      status: Number(head.slice(9, 12)),
      head,
      bodyBytes: 0,
      firstByteMs: performance.now() - sentAtMs,
    };
    const isEmpty = isHead || this.answer.status === 204 || this.answer.status === 304;
    this.leftBytes = isEmpty ? 0 : Number(headerOf(head, 'content-length') ?? 0);
    const isChunked = !isEmpty && /^chunked$/i.test(headerOf(head, 'transfer-encoding') ?? '');
    this.chunkedTail = isChunked ? HEAD_END.slice(2) : undefined;
  }

  private readBody(bytes: Buffer): void {
    const { answer, pending } = this;
    if (!answer) return;
    answer.bodyBytes += bytes.length;
    this.leftBytes -= bytes.length;
    if (this.chunkedTail !== undefined) {
      this.chunkedTail = (this.chunkedTail + bytes.subarray(-16).toString('latin1')).slice(
        -CHUNKED_END.length,
      );
      if (this.chunkedTail !== CHUNKED_END) return;
    } else if (this.leftBytes > 0) return;
    this.answer = undefined;
    this.pending = undefined;
    pending?.resolve(answer);
  }

  private fail(error: Error): void {
    const { pending } = this;
    this.pending = undefined;
    pending?.reject(error);
  }
}

/** The value of a header of a received head. */
export function headerOf(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: *(.*?)\\r?$`, 'im').exec(head)?.[1];
}
