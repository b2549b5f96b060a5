import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';

import type { ReadableMetrics } from './metrics';

/** Throws when the process cannot do its work; the message is shown to operators. */
export type HealthCheck = () => Promise<void> | void;

/** A process that was told to stop is not to be sent new work, whatever the rest of the check says. */
export function unlessStopping(stopping: AbortSignal, check: HealthCheck): HealthCheck {
  return () => {
    if (stopping.aborted) throw new Error('shutting down');
    return check();
  };
}

/**
 * Answers `GET /health` on loopback with 200 or 503 and JSON `{status, reason?}`, and `GET /metrics` when there are some.
 * Without a port it does nothing. The server never keeps the process alive.
 */
export async function startHealthServer(
  port: number | undefined,
  check: HealthCheck,
  metrics?: ReadableMetrics,
  timeoutMs = 5000,
): Promise<Server | undefined> {
  if (port === undefined) return undefined;
  const server = createServer((request, response) => {
    const answer = request.url === '/metrics' && metrics ? metricsOf(metrics) : healthOf(check, timeoutMs);
    void answer.then(({ status, type, body }) => {
      response.writeHead(status, { 'content-type': type }).end(body);
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return server;
}

interface Answer {
  status: number;
  type: string;
  body: string;
}

async function healthOf(check: HealthCheck, timeoutMs: number): Promise<Answer> {
  const type = 'application/json';
  try {
    await inTime(check, timeoutMs);
    return { status: 200, type, body: JSON.stringify({ status: 'ok' }) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { status: 503, type, body: JSON.stringify({ status: 'unhealthy', reason }) };
  }
}

async function metricsOf(metrics: ReadableMetrics): Promise<Answer> {
  try {
    return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
  } catch (error) {
    return { status: 500, type: 'text/plain', body: `metrics cannot be read: ${String(error)}\n` };
  }
}

async function inTime(check: HealthCheck, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([check(), late]);
  } finally {
    clearTimeout(timer);
  }
}
