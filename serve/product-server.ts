import type { RequestListener, Server } from 'node:http';

import type { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';

import type { ApiDeps } from '../api/api-deps';
import { createApiApp } from '../api/app';
import { createApiRoutes } from '../api/routes';
import type { PoolUse } from '../db/pool';
import { poolUse } from '../db/pool';
import { createRegistryHandler } from '../registry/handler';
import type { AccessLog } from '../telemetry/access-log';
import { addGauge } from '../telemetry/metrics';
import { ServeMetrics } from '../telemetry/serve-metrics';
import { Drain } from './drain';
import type { FrontHandler } from './http-server';
import { createHttpServer, createHttpsServer } from './http-server';
import { createMetricsDoor } from './metrics-door';
import { observeRequests } from './observe-requests';
import type { Certificate } from './tls';
import { followCertificate } from './tls';

export interface ProductDeps extends ApiDeps {
  /** Names this process as the owner of uploads. */
  processId: string;
  accessLog: AccessLog | undefined;
  /** Where `LISTEN_TLS` names one. */
  certificate: Certificate | undefined;
  /** Of this process. */
  metrics: Registry;
  /** All that `/metrics` shows, as Prometheus reads it. */
  readMetrics: () => Promise<string>;
}

/** Everything that answers requests, behind one server that does not listen yet, and the way to stop it. */
export function createProductServer(deps: ProductDeps): { server: Server; drain: Drain } {
  const { metrics, readMetrics, accessLog, clientAddress, dataSource } = deps;
  const counted = new ServeMetrics(metrics);
  addPoolGauges(metrics, dataSource);
  const onWork = (work: Promise<void>) => drain.follow(work);
  const registry = createRegistryHandler({ ...deps, onWork, onLookup: counted.countLookup });
  const door = createMetricsDoor(deps, { contentType: metrics.contentType, metrics: readMetrics });
  const front: FrontHandler = (request, response, options) =>
    registry(request, response, options) || door(request, response);
  const server = createServer(deps, front, createApiApp(deps, createApiRoutes(deps)));
  const drain = new Drain(server);
  observeRequests(server, { metrics: counted, accessLog, clientAddress });
  return { server, drain };
}

function createServer(
  { config, logger, certificate: current }: ProductDeps,
  front: FrontHandler,
  app: RequestListener,
): Server {
  const { LISTEN_TLS: files } = config;
  if (!files || !current) return createHttpServer(front, app);
  const server = createHttpsServer(current, front, app);
  server.once('close', followCertificate(server, { files, current }, { logger }));
  return server;
}

function addPoolGauges(metrics: Registry, dataSource: DataSource): void {
  const read = (key: keyof PoolUse) => () => Promise.resolve(poolUse(dataSource)[key]);
  addGauge(
    metrics,
    'slipway_database_connections',
    'Connections to the database that are open',
    read('open'),
  );
  addGauge(metrics, 'slipway_database_connections_idle', 'Of these, those that nobody uses', read('idle'));
  addGauge(metrics, 'slipway_database_waiting', 'Statements that wait for a connection', read('waiting'));
}
