import type { IncomingMessage } from 'node:http';

import { RegistryError } from '../errors';

/** The whole body of a manifest push. Clients may send it without a length, so the limit counts what comes. */
export async function readBody(req: IncomingMessage, limitBytes: number): Promise<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  return new Promise((resolve, reject) => {
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
}

function tooLarge(limitBytes: number): RegistryError {
  return new RegistryError(
    'MANIFEST_INVALID',
    { limit: limitBytes },
    { status: 413, message: `manifest is larger than the ${limitBytes} bytes that are allowed` },
  );
}
