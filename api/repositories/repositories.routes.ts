import { z } from 'zod';

import {
  changeVisibility,
  deleteRepository,
  setDescription,
} from '../../commands/repositories/change-repository';
import { createRepository } from '../../commands/repositories/create-repository';
import { VISIBILITIES } from '../../model/roles';
import type { ApiDeps } from '../api-deps';
import { foundRepository } from '../found-repository';
import type { PageTokens } from '../page-tokens';
import type { ApiRequest, ApiResponse, ApiRoute } from '../route';
import { route } from '../route';
import { getRepository } from './get-repository';
import { listVisibleRepositories } from './list-repositories';

const newRepository = z.looseObject({
  repository: z.string(),
  visibility: z.enum(VISIBILITIES),
  description: z.string(),
  namespace: z.string().nullish(),
  repo_kind: z.enum(['image']).nullish(),
});

const ONE = '/repository/{r}';
const SUCCESS: ApiResponse = { status: 200, body: { success: true } };

/** Repositories (api spec 6). */
export function createRepositoryRoutes(deps: ApiDeps, pageTokens: PageTokens): ApiRoute[] {
  return [
    route({
      method: 'POST',
      path: '/repository',
      operationId: 'createRepo',
      access: 'authenticated',
      bodySchema: newRepository,
      handle: (request) => create(deps, request),
    }),
    route({
      method: 'GET',
      path: '/repository',
      operationId: 'listRepos',
      access: 'anyone',
      handle: (request) => listVisibleRepositories(deps, pageTokens, request),
    }),
    route({
      method: 'GET',
      path: ONE,
      operationId: 'getRepo',
      access: 'repository-read',
      handle: (request) => getRepository(deps, request),
    }),
    route({
      method: 'PUT',
      path: ONE,
      operationId: 'updateRepo',
      access: 'repository-write',
      bodySchema: z.looseObject({ description: z.string() }),
      async handle(request) {
        await setDescription(deps, request, { path: pathOf(request), description: request.body.description });
        return SUCCESS;
      },
    }),
    route({
      method: 'DELETE',
      path: ONE,
      operationId: 'deleteRepository',
      access: 'repository-admin',
      async handle(request) {
        await deleteRepository(deps, request, pathOf(request));
        return { status: 204 };
      },
    }),
    route({
      method: 'POST',
      path: `${ONE}/changevisibility`,
      operationId: 'changeRepoVisibility',
      access: 'repository-admin',
      bodySchema: z.looseObject({ visibility: z.enum(VISIBILITIES) }),
      async handle(request) {
        await changeVisibility(deps, request, { path: pathOf(request), visibility: request.body.visibility });
        return SUCCESS;
      },
    }),
  ];
}

async function create(
  deps: ApiDeps,
  request: ApiRequest<z.infer<typeof newRepository>>,
): Promise<ApiResponse> {
  const { repository: name, visibility, description } = request.body;
  const namespace = request.body.namespace ?? request.actor.name;
  await createRepository(deps, request, { path: { namespace, name }, visibility, description });
  return { status: 201, body: { namespace, name, kind: 'image' } };
}

function pathOf(request: ApiRequest): { namespace: string; name: string } {
  const { namespace, name } = foundRepository(request);
  return { namespace, name };
}
