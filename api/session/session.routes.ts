import { z } from 'zod';

import type { NewSession } from '../../auth/sessions';
import { ActError } from '../../commands/act-error';
import { signIn, signOut, verifySession } from '../../commands/accounts/sign-in';
import type { ApiDeps } from '../api-deps';
import { PlainRefusal, requiresAuthentication } from '../errors';
import type { ApiResponse, ApiRoute } from '../route';
import { route } from '../route';

const password = z.looseObject({ password: z.string() });
const credentials = password.extend({ username: z.string() });

/** Signing in and out in a browser (api spec 20). */
export function createSessionRoutes(deps: ApiDeps): ApiRoute[] {
  return [
    route({
      method: 'POST',
      path: '/signin',
      operationId: 'signinUser',
      access: 'anyone-always',
      bodySchema: credentials,
      async handle({ body, actor, headers }) {
        const userAgent = headers['user-agent'];
        const agent = typeof userAgent === 'string' ? { userAgent } : {};
        const { username, password: given } = body;
        return signedIn(await inWords(signIn(deps, actor.ip, { username, password: given, ...agent })));
      },
    }),
    route({
      method: 'POST',
      path: '/signin/verify',
      operationId: 'verifyUser',
      access: 'user',
      sessionOnly: true,
      bodySchema: password,
      async handle({ body, actor, session }) {
        if (!session) throw requiresAuthentication(true);
        return signedIn(await inWords(verifySession(deps, actor.ip, { session, password: body.password })));
      },
    }),
    route({
      method: 'POST',
      path: '/signout',
      operationId: 'logout',
      access: 'anyone-always',
      async handle({ actor, session }) {
        if (session) await signOut(deps, actor);
        return { status: 200, body: { success: true }, session: 'ended' };
      },
    }),
  ];
}

function signedIn({ key, csrfToken }: NewSession): ApiResponse {
  return { status: 200, body: { success: true }, session: { kind: 'session', key, csrfToken } };
}

/** A refused password has a body of its own, which the console reads (api spec 3). */
async function inWords(signingIn: Promise<NewSession>): Promise<NewSession> {
  try {
    return await signingIn;
  } catch (error) {
    if (!(error instanceof ActError) || error.reason !== 'forbidden') throw error;
    const { message } = error;
    throw new PlainRefusal(403, { message, invalidCredentials: true, needsEmailVerification: false });
  }
}
