import { z } from 'zod';

import { createAppToken, revokeAppToken } from '../../commands/accounts/app-tokens';
import { findAppToken, listAppTokens } from '../../db/stores/app-tokens';
import { parseDurationMs } from '../../model/durations';
import type { ApiDeps } from '../api-deps';
import { notFound } from '../errors';
import { booleanArgument } from '../query-arguments';
import type { ApiRequest, ApiResponse, ApiRoute } from '../route';
import { route } from '../route';
import { signedInUser } from '../signed-in-user';
import { presentAppToken, presentWithCode } from './present-app-token';

const newToken = z.looseObject({
  title: z.string().trim().min(1, 'must not be empty').max(255, 'must have at most 255 characters'),
});

const ALL = '/user/apptoken';
const ONE = `${ALL}/{uuid}`;
/** A way to sign in is given to whoever has signed in, and not by way of another token. */
const FOR_SESSIONS = { access: 'user', sessionOnly: true } as const;
const NO_STORE = { 'Cache-Control': 'no-store' };
const FOUR_WEEKS_MS = 4 * 7 * 86_400_000;

/** Passwords that people make for their clients (api spec 21). */
export function createAppTokenRoutes(deps: ApiDeps): ApiRoute[] {
  if (!deps.config.FEATURE_APP_SPECIFIC_TOKENS) return [];
  return [
    route({
      ...FOR_SESSIONS,
      method: 'GET',
      path: ALL,
      operationId: 'listAppTokens',
      handle: (request) => list(deps, request),
    }),
    route({
      ...FOR_SESSIONS,
      method: 'POST',
      path: ALL,
      operationId: 'createAppToken',
      freshLogin: true,
      bodySchema: newToken,
      async handle(request) {
        const token = await createAppToken(deps, request, { title: request.body.title });
        return { status: 200, headers: NO_STORE, body: { token: presentWithCode(token) } };
      },
    }),
    route({
      ...FOR_SESSIONS,
      method: 'GET',
      path: ONE,
      operationId: 'getAppToken',
      freshLogin: true,
      async handle(request) {
        const wanted = { accountId: signedInUser(request).accountId, uuid: request.params.uuid ?? '' };
        const token = await findAppToken(deps.dataSource.manager, wanted, deps.now());
        if (!token) throw notFound();
        return { status: 200, headers: NO_STORE, body: { token: presentWithCode(token) } };
      },
    }),
    route({
      ...FOR_SESSIONS,
      method: 'DELETE',
      path: ONE,
      operationId: 'revokeAppToken',
      freshLogin: true,
      async handle(request) {
        await revokeAppToken(deps, request, { uuid: request.params.uuid ?? '' });
        return { status: 204 };
      },
    }),
  ];
}

async function list(deps: ApiDeps, request: ApiRequest): Promise<ApiResponse> {
  const { query } = request;
  const onlyExpiring = query.has('expiring') ? booleanArgument(query, 'expiring') : null;
  const nowMs = deps.now();
  const tokens = await listAppTokens(deps.dataSource.manager, signedInUser(request).accountId, {
    nowMs,
    expiringUntilMs: onlyExpiring ? nowMs + soonMs(deps) : undefined,
  });
  return { status: 200, body: { tokens: tokens.map(presentAppToken), only_expiring: onlyExpiring } };
}

/** The last tenth of a token's life, four weeks where tokens live for ever. */
function soonMs({ config }: ApiDeps): number {
  const lifetimeMs = parseDurationMs(config.APP_SPECIFIC_TOKEN_EXPIRATION ?? '');
  return lifetimeMs === undefined ? FOUR_WEEKS_MS : lifetimeMs / 10;
}
