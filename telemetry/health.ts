import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';

/** Whether each thing that a process stands on works: `{database: true, storage: false}`. */
export type HealthCheck = () => Promise<Record<string, boolean>>;

export interface HealthReport {
  data: { services: Record<string, boolean> };
  status_code: 200 | 503;
}

/** Runs a check in Quay's shape (api spec 32); a check that throws counts as unhealthy. */
export async function reportHealth(check: HealthCheck): Promise<HealthReport> {
  const services = await check().catch(() => ({ process: false }));
  const isHealthy = Object.values(services).every(Boolean);
  return { data: { services }, status_code: isHealthy ? 200 : 503 };
}

/** Answers `GET /health` on loopback, for supervisors: 200 or 503 with what works and what does not. */
export async function startHealthServer(port: number, check: HealthCheck): Promise<Server> {
  const server = createServer((request, response) => {
    void reportHealth(check).then((report) => {
      const isKnown = request.url === '/health';
      response.writeHead(isKnown ? report.status_code : 404, { 'Content-Type': 'application/json' });
      response.end(isKnown ? `${JSON.stringify(report)}\n` : '{"message":"only /health is here"}\n');
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
