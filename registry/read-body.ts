import type { IncomingMessage } from 'node:http';

import type { ErrorCode } from './errors';
import { RegistryError } from './errors';

/** A client that sends nothing for this long has gone; nobody else would ever close its connection. */
const IDLE_LIMIT_MS = 60_000;

interface BodyOptions {
  idleMs?: number;
  /** Of refusals for its size and its pace. */
  code?: ErrorCode;
}

/** A whole body, such as that of a manifest push. Clients may send it without a length, so the limit counts what comes. */
export async function readBody(
  req: IncomingMessage,
  limitBytes: number,
  { idleMs = IDLE_LIMIT_MS, code = 'MANIFEST_INVALID' }: BodyOptions = {},
): Promise<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(code, limitBytes);
  const body = new Promise<Buffer>((resolve, reject) => {
    req.setTimeout(idleMs, () => reject(stalled(code, idleMs)));
    const chunks: Buffer[] = [];
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      req.pause();
      req.removeAllListeners('data');
      reject(tooLarge(code, limitBytes));
    });
    req.on('end', () => resolve(Buffer.concat(chunks)));
    req.on('error', reject);
    req.on('close', () => reject(new Error('the connection closed before the manifest was complete')));
  });
  return body.finally(() => req.setTimeout(0));
}

function stalled(code: ErrorCode, idleMs: number): RegistryError {
  return new RegistryError(code, {}, { status: 408, message: `the body stopped for ${idleMs / 1000} s` });
}

function tooLarge(code: ErrorCode, limitBytes: number): RegistryError {
  return new RegistryError(
    code,
    { limit: limitBytes },
    { status: 413, message: `the body is larger than the ${limitBytes} bytes that are allowed` },
  );
}
