import type { ServerResponse } from 'node:http';

/** Without the header by which clients know version 2. */
export function sendV1(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const bytes = Buffer.from(JSON.stringify(body));
  res.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': bytes.length,
    ...headers,
  });
  res.end(res.req.method === 'HEAD' ? undefined : bytes);
}
