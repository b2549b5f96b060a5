import { cancelBuild } from '../../commands/builds/cancel-build';
import type { Build } from '../../db/entities/builds';
import type { BuildInContext } from '../../db/stores/builds';
import { findBuild, listBuilds, readBuildLog } from '../../db/stores/builds';
import { repositoryAccess } from '../../auth/access';
import type { ApiDeps } from '../api-deps';
import { notFound, requiresAuthentication, unauthorized } from '../errors';
import { foundRepository } from '../found-repository';
import { integerArgument } from '../query-arguments';
import type { ApiRequest, ApiResponse, ApiRoute } from '../route';
import { route } from '../route';
import { mayReadLog, presentBuild, presentBuilds, presentLogEntry } from './present-build';

const ONE = '/repository/{r}/build/{uuid}';
const READ = { access: 'repository-read' } as const;
const MOST_ENTRIES = 100_000;

/** Builds: list, view, cancel, log (api spec 9). */
export function createBuildRoutes(deps: ApiDeps): ApiRoute[] {
  return [
    route({
      method: 'GET',
      path: '/repository/{r}/build/',
      operationId: 'getRepoBuilds',
      ...READ,
      async handle(request) {
        const since = integerArgument(request.query, 'since', { byDefault: 0, min: 0, max: 1e11 });
        const builds = await listBuilds(deps.dataSource.manager, {
          repositoryId: foundRepository(request).id,
          limit: integerArgument(request.query, 'limit', { byDefault: 5, min: 1, max: 100 }),
          ...(since > 0 ? { sinceMs: since * 1000 } : {}),
        });
        return { status: 200, body: { builds: await presentBuilds(deps, request, builds) } };
      },
    }),
    ...[
      { path: ONE, operationId: 'getRepoBuild' },
      { path: `${ONE}/status`, operationId: 'getRepoBuildStatus' },
    ].map((named) =>
      route({
        method: 'GET',
        ...named,
        ...READ,
        async handle(request) {
          const found = await namedBuild(deps, request);
          return { status: 200, body: await presentBuild(deps, request, found) };
        },
      }),
    ),
    route({
      method: 'DELETE',
      path: ONE,
      operationId: 'cancelRepoBuild',
      access: 'repository-admin',
      normalState: true,
      async handle(request) {
        await cancelBuild(deps, request.actor, foundRepository(request), request.params.uuid ?? '');
        return { status: 201, body: 'Okay' };
      },
    }),
    route({
      method: 'GET',
      path: `${ONE}/logs`,
      operationId: 'getRepoBuildLogs',
      ...READ,
      handle: (request) => readLog(deps, request),
    }),
    route({
      method: 'GET',
      path: '//logarchive/{uuid}',
      operationId: 'downloadBuildLogArchive',
      access: 'anyone-always',
      handle: (request) => downloadArchive(deps, request),
    }),
  ];
}

/** `start` and everything behind it; once the log is archived, where it is. `limit` is ours (builds spec 7 #16). */
async function readLog(deps: ApiDeps, request: ApiRequest): Promise<ApiResponse> {
  const { build } = await namedBuild(deps, request);
  if (!mayReadLog(deps, request.repository?.role ?? null)) throw refuse(request);
  if (build.logObjectKey !== null) return archivedLog(build);
  const start = integerArgument(request.query, 'start', { byDefault: 0, min: 0, max: 1e9 });
  const limit = integerArgument(request.query, 'limit', {
    byDefault: MOST_ENTRIES,
    min: 1,
    max: MOST_ENTRIES,
  });
  const entries = await readBuildLog(deps.dataSource.manager, build.id, start, limit);
  if (entries.length === 0 && start < build.logLength) {
    // The log was archived between the two reads: its rows are gone, and the build says where it is.
    const { build: now } = await namedBuild(deps, request);
    if (now.logObjectKey !== null) return archivedLog(now);
  }
  return { status: 200, body: { start, total: build.logLength, logs: entries.map(presentLogEntry) } };
}

function archivedLog({ uuid }: Build): ApiResponse {
  return { status: 200, body: { logs_url: `/logarchive/${uuid}` } };
}

async function downloadArchive(deps: ApiDeps, request: ApiRequest): Promise<ApiResponse> {
  const { manager } = deps.dataSource;
  const found = await findBuild(manager, request.params.uuid ?? '');
  if (!found?.build.logObjectKey) throw notFound();
  const options = { policy: deps.policy, nowMs: deps.now() };
  const { role } = await repositoryAccess(manager, request.identity, found.repository, options);
  if (!mayReadLog(deps, role)) throw refuse(request);
  const { stream, sizeBytes } = await deps.storage.getObject(found.build.logObjectKey);
  return {
    status: 200,
    stream,
    headers: {
      'Content-Type': 'application/json',
      'Content-Length': String(sizeBytes),
      'Content-Disposition': `inline; filename="${found.build.uuid}.json"`,
    },
  };
}

function refuse({ identity }: ApiRequest) {
  return identity.kind === 'anonymous' ? requiresAuthentication() : unauthorized();
}

async function namedBuild(deps: ApiDeps, request: ApiRequest): Promise<BuildInContext> {
  const { uuid = '' } = request.params;
  const found = await findBuild(deps.dataSource.manager, uuid);
  if (found?.repository.id !== foundRepository(request).id) throw notFound(`there is no build "${uuid}"`);
  return found;
}
