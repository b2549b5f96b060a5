import type { IncomingMessage, ServerResponse } from 'node:http';

import { accessPolicy } from '../auth/access';
import { createClientAddress } from '../auth/client-address';
import type { ContentDeps } from '../commands/content/content-deps';
import { preparedPool } from '../db/pool';
import { uploadKey } from '../storage/keys';
import { OutageLog } from '../telemetry/outage-log';
import { noteOf, requestIdOf } from '../telemetry/request-notes';
import { authorize, challenged } from './authorize';
import { createHandOver } from './blobs/hand-over';
import { RegistryError } from './errors';
import type { Exchange, Registry } from './exchange';
import { ReadAccess } from './read-access';
import { asRegistryError } from './refusals';
import type { RegistryDeps } from './registry-deps';
import { sendError } from './reply';
import { parseRoutePath } from './route-path';
import type { Route } from './routes';
import { findRoute, methodsOf } from './routes';
import { SharedReads } from './shared-reads';
import { RegistryTokens } from './token/registry-tokens';
import { UploadSessions } from './uploads/upload-sessions';
import { answerV1 } from './v1/answer-v1';
import { requireWritable } from './write-gate';

interface HandlerOptions {
  /** Set for requests of the server's event `checkContinue`: the client waits with its body until we want it. */
  awaitsContinue?: boolean;
}

/** Answers requests below `/v2` and `/v1`; false, and nothing done, for all others. */
export type RegistryHandler = (
  req: IncomingMessage,
  res: ServerResponse,
  options?: HandlerOptions,
) => boolean;

/** The registry on plain `node:http`: no body parser or middleware may come before it (performance spec 5). */
export function createRegistryHandler(deps: RegistryDeps): RegistryHandler {
  const registry = createRegistry(deps);
  return (req, res, { awaitsContinue = false } = {}) => {
    const url = req.url ?? '';
    if (!/^\/v[12](?:[/?]|$)/.test(url)) return false;
    let isWaiting = awaitsContinue;
    const acceptBody = () => {
      if (isWaiting) res.writeContinue();
      isWaiting = false;
    };
    const work = answer(registry, { req, res, url, acceptBody });
    deps.onWork?.(work);
    return true;
  };
}

function createRegistry(deps: RegistryDeps): Registry {
  const { config, dataSource, now } = deps;
  const policy = accessPolicy(config);
  const content: ContentDeps = {
    dataSource,
    now,
    policy,
    privateOnPush: config.CREATE_PRIVATE_REPO_ON_PUSH,
    newNamespaces: { config },
    address: { scheme: config.PREFERRED_URL_SCHEME, host: config.SERVER_HOSTNAME },
    allowsSparse: config.FEATURE_SPARSE_INDEX,
    contentHoldMs: config.PUSH_TEMP_TAG_EXPIRATION_SEC * 1000,
    uploadLifetimeMs: config.BLOBUPLOAD_DELETION_DATE_THRESHOLD * 60_000,
    uploadKey,
  };
  return {
    deps,
    policy,
    content,
    pool: preparedPool(dataSource),
    tokens: new RegistryTokens(deps),
    readAccess: new ReadAccess({ dataSource, now, policy, onLookup: deps.onLookup }),
    sessions: new UploadSessions(deps, content),
    manifestReads: new SharedReads(),
    blobReads: new SharedReads(),
    outages: new OutageLog(deps.logger),
    clientAddress: createClientAddress(config),
    handOver: createHandOver(config),
  };
}

interface Incoming extends Pick<Exchange, 'req' | 'res' | 'acceptBody'> {
  url: string;
}

async function answer(registry: Registry, incoming: Incoming): Promise<void> {
  const { req, res } = incoming;
  try {
    if (incoming.url.startsWith('/v1')) await answerV1(incoming, registry);
    else await dispatch(registry, incoming);
  } catch (error) {
    if (res.destroyed || req.errored) return;
    sendError(req, res, refusalOf(registry, req, error));
  }
}

async function dispatch(registry: Registry, { req, res, url, acceptBody }: Incoming): Promise<void> {
  const mark = url.indexOf('?');
  const routePath = parseRoutePath(mark < 0 ? url : url.slice(0, mark));
  if (!routePath) throw new RegistryError('UNSUPPORTED', {}, { status: 404, message: 'no such address' });
  const route = findRoute(req.method ?? '', routePath.resource);
  if (!route) {
    throw new RegistryError(
      'UNSUPPORTED',
      {},
      { headers: { Allow: methodsOf(routePath.resource).join(', ') } },
    );
  }
  noteOf(req).route = route.pattern;
  if (route.method !== 'GET' && route.access !== 'open') requireWritable(registry.deps.config);
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  const exchange = { req, res, query, route: routePath, acceptBody };
  try {
    await run(registry, route, exchange);
  } catch (error) {
    const action = route.access === 'scope' ? (route.challenge ?? route.action) : 'pull';
    throw challenged(exchange, registry, action, error);
  }
}

async function run(registry: Registry, route: Route, exchange: Exchange): Promise<void> {
  switch (route.access) {
    case 'open':
      return route.handle(exchange, registry);
    case 'token':
      return route.handle(await authorize.token(exchange, registry), registry);
    case 'scope':
      return route.handle(await authorize.scope(exchange, registry, route), registry);
    case 'read':
      return route.handle(await authorize.read(exchange, registry), registry);
    default:
      return route satisfies never;
  }
}

/** What the client is told; faults and outages of ours are logged, under the id that it gets to see. */
function refusalOf({ deps, outages }: Registry, req: IncomingMessage, error: unknown): RegistryError {
  const known = asRegistryError(error);
  if (known && known.status < 500) return known;
  const requestId = requestIdOf(req);
  const fields = { err: known?.cause ?? error, requestId, method: req.method, url: req.url };
  if (known) {
    outages.report(known.message, fields, 'storage or database cannot do their work');
    return known.withDetail({ request_id: requestId });
  }
  deps.logger.error(fields, 'registry request failed');
  return new RegistryError('UNKNOWN', { request_id: requestId }, { cause: error });
}
