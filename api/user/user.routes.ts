import { z } from 'zod';

import { newClientKey } from '../../auth/client-key';
import { SCOPES } from '../../auth/identity';
import { generateClientKey } from '../../commands/accounts/client-key';
import { createFirstSuperuser, createUser } from '../../commands/accounts/create-user';
import { createOauthToken } from '../../commands/accounts/create-oauth-token';
import { signIn } from '../../commands/accounts/sign-in';
import { ActError } from '../../commands/act-error';
import { Account } from '../../db/entities/accounts';
import { listMemberships } from '../../db/stores/teams';
import type { ApiDeps } from '../api-deps';
import { notFound, PlainRefusal } from '../errors';
import type { ApiRequest, ApiResponse, ApiRoute } from '../route';
import { route } from '../route';
import type { UserIdentity } from '../signed-in-user';
import { signedInUser } from '../signed-in-user';
import { presentSelf, presentStranger } from './present-user';

const newUser = z.looseObject({ username: z.string(), password: z.string(), email: z.string().nullish() });
const firstUser = newUser.extend({ access_token: z.boolean().nullish() });

const FIRST_TOKEN_LIFETIME_MS = 9_000_000;

/** Users: oneself, others, and how they come to be (api spec 20). */
export function createUserRoutes(deps: ApiDeps): ApiRoute[] {
  const routes: ApiRoute[] = [
    route({
      method: 'GET',
      path: '/user/',
      operationId: 'getLoggedInUser',
      access: 'signed-in',
      async handle(request) {
        return { status: 200, body: await viewOfSelf(deps, signedInUser(request)) };
      },
    }),
    route({
      method: 'GET',
      path: '/users/{u}',
      operationId: 'getUserInformation',
      access: 'anyone',
      async handle({ identity, params }) {
        const where = { name: params.u ?? '', kind: 'user' as const };
        const account = await deps.dataSource.manager.findOneBy(Account, where);
        if (!account) throw notFound();
        const isSelf = identity.kind === 'user' && identity.accountId === account.id;
        return { status: 200, body: isSelf ? await viewOfSelf(deps, identity) : presentStranger(account) };
      },
    }),
    clientKey(deps),
  ];
  if (deps.config.FEATURE_USER_CREATION) routes.push(creation(deps));
  if (deps.config.FEATURE_USER_INITIALIZE) routes.push(initialization(deps));
  return routes;
}

/** What `docker login` may be given in place of the password; a wrong password is 400 here, and throttled like any other. */
function clientKey(deps: ApiDeps): ApiRoute {
  return route({
    method: 'POST',
    path: '/user/clientkey',
    operationId: 'generateUserClientKey',
    access: 'user',
    sessionOnly: true,
    bodySchema: z.looseObject({ password: z.string() }),
    async handle(request) {
      const key = await generateClientKey(deps, request, request.body.password).catch((error: unknown) => {
        if (!(error instanceof ActError) || error.reason !== 'forbidden') throw error;
        throw new PlainRefusal(400, { message: error.message });
      });
      return { status: 200, headers: { 'Cache-Control': 'no-store' }, body: { key } };
    },
  });
}

function creation(deps: ApiDeps): ApiRoute {
  return route({
    method: 'POST',
    path: '/user/',
    operationId: 'createNewUser',
    access: 'anyone',
    bodySchema: newUser,
    handle: (request) => signUp(deps, request),
  });
}

async function signUp(deps: ApiDeps, request: ApiRequest<z.infer<typeof newUser>>): Promise<ApiResponse> {
  const { username, password, email } = request.body;
  const account = await createUser(deps, request.actor, { name: username, password, email });
  // Whoever already is somebody makes the account for another person and stays who it is.
  if (request.identity.kind !== 'anonymous') return { status: 200, body: presentStranger(account) };
  const { key, csrfToken } = await signIn(deps, request.actor.ip, { username, password });
  const identity = { kind: 'user', accountId: account.id, name: username, superuser: false } as const;
  return {
    status: 200,
    body: presentSelf({ ...identity, via: 'session', scopes: null }, account, []),
    session: { kind: 'session', key, csrfToken },
  };
}

/** Works once, while there is no user at all (permissions spec 13.1, row 1). */
function initialization(deps: ApiDeps): ApiRoute {
  return route({
    method: 'POST',
    path: '/user/initialize',
    operationId: 'initializeUser',
    access: 'anyone-always',
    withoutCsrf: true,
    bodySchema: firstUser,
    async handle({ actor, body }) {
      const { username, password, email } = body;
      const account = await createFirstSuperuser(deps, actor, { name: username, password, email });
      const answer = { username, email: account.email, encrypted_password: newClientKey(account) };
      if (!body.access_token) return { status: 200, body: answer };
      const { token } = await createOauthToken(deps, actor, {
        accountId: account.id,
        title: 'automation',
        scopes: SCOPES,
        lifetimeMs: FIRST_TOKEN_LIFETIME_MS,
      });
      return { status: 200, body: { ...answer, access_token: token } };
    },
  });
}

async function viewOfSelf(deps: ApiDeps, identity: UserIdentity) {
  const { manager } = deps.dataSource;
  const account = await manager.findOneByOrFail(Account, { id: identity.accountId });
  return presentSelf(identity, account, await listMemberships(manager, account.id));
}
