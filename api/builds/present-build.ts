import type { Build, BuildLogEntry } from '../../db/entities/builds';
import type { BuildInContext } from '../../db/stores/builds';
import { findAccountNames, withContext } from '../../db/stores/builds';
import { MAX_BUILD_ATTEMPTS } from '../../model/build-limits';
import { atLeast } from '../../model/roles';
import type { ApiDeps } from '../api-deps';
import { rfcDate } from '../present/dates';
import type { ApiRequest } from '../route';
import { presentRobot, presentTriggerOfBuild } from '../triggers/present-trigger';

/** The views of builds spec 5.13, in the order given. */
export async function presentBuilds(deps: ApiDeps, request: ApiRequest, builds: Build[]) {
  const views = [];
  for (const build of builds) {
    const context = await withContext(deps.dataSource.manager, build);
    views.push(await presentBuild(deps, request, context));
  }
  return views;
}

export async function presentBuild(deps: ApiDeps, request: ApiRequest, context: BuildInContext) {
  const { build, trigger, repository, manualUser } = context;
  const role = request.repository?.role ?? null;
  const isWriter = atLeast(role, 'write');
  const robots = await findAccountNames(deps.dataSource.manager, [build.pullRobotId]);
  const robot = robots.get(build.pullRobotId ?? 0);
  return {
    id: build.uuid,
    phase: shownPhase(build),
    started: rfcDate(build.createdAtMs),
    display_name: build.displayName,
    status: presentStatus(build),
    subdirectory: build.dockerfilePath,
    dockerfile_path: build.dockerfilePath,
    context: build.context,
    tags: build.dockerTags,
    manual_user: manualUser,
    is_writer: isWriter,
    trigger: trigger && presentTriggerOfBuild(trigger, role === 'admin'),
    trigger_metadata: build.triggerMetadata,
    resource_key: null,
    pull_robot: robot === undefined ? null : presentRobot(robot),
    repository: { namespace: repository.namespace, name: repository.name },
    error: build.errorMessage,
    ...(mayReadLog(deps, role) ? { archive_url: build.archiveUrl } : {}),
    // Not in Quay, which documents them for messages only.
    image_id: build.imageId,
    manifest_digest: build.manifestDigest,
  };
}

/** Whoever may write, and readers where the installation says so (builds spec 5.11). */
export function mayReadLog(
  { config }: Pick<ApiDeps, 'config'>,
  role: 'read' | 'write' | 'admin' | null,
): boolean {
  return atLeast(role, config.FEATURE_READER_BUILD_LOGS ? 'read' : 'write');
}

export function presentLogEntry({ message, type, data }: BuildLogEntry) {
  return { message, type, data, datetime: data.datetime };
}

/** A build that infrastructure failed until it was given up is `expired` (builds spec 5.1). */
function shownPhase({ phase, attempt }: Build): string {
  return phase === 'internalerror' && attempt >= MAX_BUILD_ATTEMPTS ? 'expired' : phase;
}

function presentStatus({ status, heartbeatAtMs }: Build): Record<string, unknown> {
  if (Object.keys(status).length === 0) return {};
  return { ...status, heartbeat: heartbeatAtMs === null ? null : Math.floor(heartbeatAtMs / 1000) };
}
