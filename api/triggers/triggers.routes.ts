import { z } from 'zod';

import { acceptBuild } from '../../commands/builds/accept-build';
import type { TriggerCaller } from '../../commands/triggers/triggers';
import {
  activateTrigger,
  createTrigger,
  deleteTrigger,
  toggleTrigger,
} from '../../commands/triggers/triggers';
import type { BuildTrigger } from '../../db/entities/builds';
import { findBuild, findTriggers, listBuilds } from '../../db/stores/builds';
import type { TriggerInContext } from '../../db/stores/builds';
import type { CommitMetadata } from '../../model/tag-templates';
import { OutboundError } from '../../outbound/errors';
import { parseGitUrl, withoutCredentials } from '../../outbound/git-url';
import type { ApiDeps } from '../api-deps';
import { presentBuild, presentBuilds } from '../builds/present-build';
import { invalidRequest, notFound } from '../errors';
import { foundRepository } from '../found-repository';
import { integerArgument } from '../query-arguments';
import type { ApiRequest, ApiResponse, ApiRoute } from '../route';
import { route } from '../route';
import { presentTrigger } from './present-trigger';

const COLLECTION = '/repository/{r}/trigger/';
const ONE = '/repository/{r}/trigger/{uuid}';
const READ = { access: 'repository-admin' } as const;
const WRITE = { access: 'repository-admin', normalState: true } as const;

const config = z.looseObject({ build_source: z.string() });
const creation = z.looseObject({ service: z.string(), config, pull_robot: z.string().nullish() });
const activation = z.looseObject({ config, pull_robot: z.string().nullish() });
const toggle = z.looseObject({ enabled: z.boolean() });
const start = z.strictObject({
  branch_name: z.string().min(1).max(255).nullish(),
  commit_sha: z
    .string()
    .regex(/^[A-Fa-f0-9]{7,64}$/, 'must be at least 7 hexadecimal digits')
    .nullish(),
  refs: z.object({ kind: z.enum(['branch', 'tag']), name: z.string().min(1).max(255) }).nullish(),
});

/** Build triggers (api spec 10). Only custom git exists today. */
export function createTriggerRoutes(deps: ApiDeps): ApiRoute[] {
  return [
    route({
      method: 'GET',
      path: COLLECTION,
      operationId: 'listBuildTriggers',
      ...READ,
      async handle(request) {
        const found = await findTriggers(deps.dataSource.manager, foundRepository(request).id);
        return { status: 200, body: { triggers: found.map((one) => presentTrigger(deps.address, one)) } };
      },
    }),
    route({
      method: 'POST',
      path: COLLECTION,
      operationId: 'createBuildTrigger',
      ...WRITE,
      bodySchema: creation,
      async handle(request) {
        const { service, config: wanted, pull_robot: pullRobot = null } = request.body;
        checkGitUrl(wanted.build_source);
        const input = { service, activation: { config: wanted, pullRobot } };
        const trigger = await createTrigger(deps, callerOf(request), foundRepository(request), input);
        return { status: 201, body: await viewOf(deps, trigger) };
      },
    }),
    route({
      method: 'GET',
      path: ONE,
      operationId: 'getBuildTrigger',
      ...READ,
      async handle(request) {
        return { status: 200, body: presentTrigger(deps.address, await namedTrigger(deps, request)) };
      },
    }),
    route({
      method: 'PUT',
      path: ONE,
      operationId: 'updateBuildTrigger',
      ...WRITE,
      bodySchema: toggle,
      async handle(request) {
        const input = { uuid: request.params.uuid ?? '', enabled: request.body.enabled };
        const trigger = await toggleTrigger(deps, request.actor, foundRepository(request), input);
        return { status: 200, body: await viewOf(deps, trigger) };
      },
    }),
    route({
      method: 'DELETE',
      path: ONE,
      operationId: 'deleteBuildTrigger',
      ...WRITE,
      async handle(request) {
        await deleteTrigger(deps, request.actor, foundRepository(request), request.params.uuid ?? '');
        return { status: 204 };
      },
    }),
    route({
      method: 'POST',
      path: `${ONE}/activate`,
      operationId: 'activateBuildTrigger',
      ...WRITE,
      bodySchema: activation,
      async handle(request) {
        const { config: wanted, pull_robot: pullRobot = null } = request.body;
        checkGitUrl(wanted.build_source);
        const input = { uuid: request.params.uuid ?? '', config: wanted, pullRobot };
        const trigger = await activateTrigger(deps, callerOf(request), foundRepository(request), input);
        return { status: 200, body: await viewOf(deps, trigger) };
      },
    }),
    route({
      method: 'POST',
      path: `${ONE}/start`,
      operationId: 'manuallyStartBuildTrigger',
      ...WRITE,
      bodySchema: start,
      optionalBody: true,
      handle: (request) => startBuild(deps, request),
    }),
    route({
      method: 'GET',
      path: `${ONE}/builds`,
      operationId: 'listTriggerRecentBuilds',
      ...READ,
      async handle(request) {
        const { trigger } = await namedTrigger(deps, request);
        const builds = await listBuilds(deps.dataSource.manager, {
          repositoryId: trigger.repositoryId,
          triggerId: trigger.id,
          limit: integerArgument(request.query, 'limit', { byDefault: 5, min: 1, max: 100 }),
        });
        return { status: 200, body: { builds: await presentBuilds(deps, request, builds) } };
      },
    }),
    route({
      method: 'GET',
      path: '//customtrigger/setup/{r}',
      operationId: 'setupCustomTrigger',
      ...WRITE,
      sessionOnly: true,
      async handle(request) {
        const repository = foundRepository(request);
        const trigger = await createTrigger(deps, callerOf(request), repository, { service: 'custom-git' });
        const page = `/repository/${repository.namespace}/${repository.name}/trigger/${trigger.uuid}`;
        return { status: 302, headers: { Location: page } };
      },
    }),
  ];
}

/** Custom git has no API to ask, so it needs the commit; a branch or tag beside it gives the build its ref tags. */
async function startBuild(deps: ApiDeps, request: ApiRequest<z.infer<typeof start>>): Promise<ApiResponse> {
  const { commit_sha: commit, refs, branch_name: branch } = request.body;
  const { trigger } = await namedTrigger(deps, request);
  if (!commit) {
    throw invalidRequest('commit_sha is required: a custom git trigger builds a commit', 'commit_sha');
  }
  const ref = refs
    ? `refs/${refs.kind === 'branch' ? 'heads' : 'tags'}/${refs.name}`
    : branch && `refs/heads/${branch}`;
  const metadata: CommitMetadata = {
    commit,
    git_url: withoutCredentials(String(trigger.config.build_source)),
    ...(ref ? { ref } : {}),
  };
  const repository = foundRepository(request);
  const build = await acceptBuild(deps, request.actor, { repository, trigger, metadata, isManual: true });
  const found = await findBuild(deps.dataSource.manager, build.uuid);
  if (!found) throw notFound();
  const path = `${repository.namespace}/${repository.name}`;
  return {
    status: 201,
    body: await presentBuild(deps, request, found),
    headers: {
      Location: `${deps.address.scheme}://${deps.address.host}/api/v1/repository/${path}/build/${build.uuid}/status`,
    },
  };
}

/** Syntax only: where the host is, and whether it may be reached, is seen when the build clones. */
function checkGitUrl(url: string): void {
  try {
    parseGitUrl(url);
  } catch (error) {
    if (error instanceof OutboundError) {
      throw invalidRequest(`config.build_source: ${error.message}`, 'config.build_source');
    }
    throw error;
  }
}

async function viewOf(deps: ApiDeps, trigger: BuildTrigger) {
  const [found] = await findTriggers(deps.dataSource.manager, trigger.repositoryId, trigger.uuid);
  if (!found) throw notFound();
  return presentTrigger(deps.address, found);
}

async function namedTrigger(deps: ApiDeps, request: ApiRequest): Promise<TriggerInContext> {
  const { uuid = '' } = request.params;
  const [found] = await findTriggers(deps.dataSource.manager, foundRepository(request).id, uuid);
  if (!found) throw notFound(`there is no trigger "${uuid}"`);
  return found;
}

function callerOf({ actor, identity }: ApiRequest): TriggerCaller {
  return { actor, identity };
}
