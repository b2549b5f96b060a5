import type { IncomingMessage } from 'node:http';

import { RegistryError } from '../errors';

/** A client that sends nothing for this long has gone; nobody else would ever close its connection. */
const IDLE_LIMIT_MS = 60_000;

/** The whole body of a manifest push. Clients may send it without a length, so the limit counts what comes. */
export async function readBody(
  req: IncomingMessage,
  limitBytes: number,
  idleMs = IDLE_LIMIT_MS,
): Promise<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  const body = new Promise<Buffer>((resolve, reject) => {
    req.setTimeout(idleMs, () => reject(stalled(idleMs)));
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
      reject(tooLarge(limitBytes));
    });
    req.on('end', () => resolve(Buffer.concat(chunks)));
    req.on('error', reject);
    req.on('close', () => reject(new Error('the connection closed before the manifest was complete')));
  });
  return body.finally(() => req.setTimeout(0));
}

function stalled(idleMs: number): RegistryError {
  return new RegistryError(
    'MANIFEST_INVALID',
    {},
    { status: 408, message: `the body stopped for ${idleMs / 1000} s` },
  );
}

function tooLarge(limitBytes: number): RegistryError {
  return new RegistryError(
    'MANIFEST_INVALID',
    { limit: limitBytes },
    { status: 413, message: `manifest is larger than the ${limitBytes} bytes that are allowed` },
  );
}
