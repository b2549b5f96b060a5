import { z } from 'zod';

import { namespaceAccess } from '../../auth/access';
import { createOrganization } from '../../commands/accounts/create-organization';
import { Account } from '../../db/entities/accounts';
import { listTeams } from '../../db/stores/teams';
import type { ApiDeps } from '../api-deps';
import { notFound } from '../errors';
import type { ApiRequest, ApiResponse, ApiRoute } from '../route';
import { route } from '../route';
import { presentOrganization } from './present-organization';

const newOrganization = z.looseObject({
  name: z.string(),
  email: z.string().nullish(),
  contact_email: z.string().nullish(),
});

/** Organizations (api spec 16). */
export function createOrganizationRoutes(deps: ApiDeps): ApiRoute[] {
  return [
    route({
      method: 'POST',
      path: '/organization/',
      operationId: 'createOrganization',
      access: 'user',
      bodySchema: newOrganization,
      async handle(request) {
        const { name, email, contact_email: contactEmail } = request.body;
        await createOrganization(deps, request, { name, email: contactEmail ?? email });
        return { status: 201, body: 'Created' };
      },
    }),
    route({
      method: 'GET',
      path: '/organization/{o}',
      operationId: 'getOrganization',
      access: 'anyone',
      handle: (request) => getOrganization(deps, request),
    }),
  ];
}

async function getOrganization(deps: ApiDeps, { identity, params }: ApiRequest): Promise<ApiResponse> {
  const { manager } = deps.dataSource;
  const where = { name: params.o ?? '', kind: 'organization' as const };
  const organization = await manager.findOneBy(Account, where);
  if (!organization) throw notFound();
  const { role } = await namespaceAccess(manager, identity, organization.name, deps);
  const callerId = identity.kind === 'user' ? identity.accountId : null;
  const teams = role === null ? [] : await listTeams(manager, organization.id, callerId);
  return { status: 200, body: presentOrganization(organization, role, teams) };
}
