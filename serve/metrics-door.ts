import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { ClientAddress } from '../auth/client-address';
import type { Config } from '../config/schema';
import { NetworkSet } from '../outbound/network-set';
import type { Logger } from '../telemetry/logger';
import type { ReadableMetrics } from '../telemetry/metrics';
import { noteOf } from '../telemetry/request-notes';

interface DoorDeps {
  config: Pick<Config, 'METRICS_ALLOWED_NETWORKS' | 'METRICS_TOKEN'>;
  clientAddress: ClientAddress;
  logger: Logger;
}

/** Answers `GET /metrics` on the port of the product; false for every other request. */
export type MetricsDoor = (request: IncomingMessage, response: ServerResponse) => boolean;

/** For those of `METRICS_ALLOWED_NETWORKS`, and whoever has `METRICS_TOKEN` (registry spec 18.14). */
export function createMetricsDoor(
  { config, clientAddress, logger }: DoorDeps,
  metrics: ReadableMetrics,
): MetricsDoor {
  const networks = new NetworkSet(config.METRICS_ALLOWED_NETWORKS);

  function isAllowed(request: IncomingMessage): boolean {
    if (config.METRICS_TOKEN !== undefined && hasToken(request, config.METRICS_TOKEN)) return true;
    const address = clientAddress(request);
    // A proxy that nobody told us of stands in a network of ours, and the whole world behind it.
    const { headers, socket } = request;
    const isForwarded = [headers['x-forwarded-for'], headers.forwarded, headers.via].some(
      (header) => header !== undefined,
    );
    if (isForwarded && address === clientAddress({ socket, headers: {} })) return false;
    return address !== null && networks.has(address);
  }

  async function answer(response: ServerResponse): Promise<void> {
    try {
      const body = await metrics.metrics();
      response.writeHead(200, { 'content-type': metrics.contentType }).end(body);
    } catch (err) {
      logger.error({ err }, 'metrics cannot be read');
      response.writeHead(503, { 'content-type': 'text/plain' }).end('metrics cannot be read\n');
    }
  }

  return (request, response) => {
    if (request.url !== '/metrics') return false;
    noteOf(request).route = '/metrics';
    if (request.method !== 'GET') response.writeHead(405, { allow: 'GET' }).end();
    else if (isAllowed(request)) void answer(response);
    else response.writeHead(403, { 'content-type': 'text/plain' }).end('not for you\n');
    return true;
  };
}

function hasToken({ headers }: IncomingMessage, token: string): boolean {
  const given = Buffer.from(/^Bearer (.*)$/i.exec(headers.authorization ?? '')?.[1] ?? '');
  const wanted = Buffer.from(token);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
