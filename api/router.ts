import type { IncomingMessage, ServerResponse } from 'node:http';

import { stringifySetCookie } from 'cookie';

import { ActError } from '../commands/act-error';
import { isDatabaseOutage } from '../db/outage';
import { parseDurationMs } from '../model/durations';
import { OutageLog } from '../telemetry/outage-log';
import { noteOf } from '../telemetry/request-notes';
import type { ApiDeps } from './api-deps';
import { ApiProblem, ApiRefusal, PlainRefusal, refusalOf } from './errors';
import { authenticate } from './pipeline/authenticate';
import { authorize } from './pipeline/authorize';
import { refuseBareBrowserCalls } from './pipeline/browser-rule';
import { corsHeaders } from './pipeline/cors';
import type { BrowserCookies } from './pipeline/csrf';
import { needsCsrfToken, refuseForgery } from './pipeline/csrf';
import { discardBody } from './pipeline/discard-body';
import { createRouteMatcher } from './pipeline/match-route';
import type { RouteMatch } from './pipeline/match-route';
import { readBody } from './pipeline/read-body';
import { respond } from './pipeline/respond';
import type { ApiResponse, ApiRoute } from './route';

export type ApiRouter = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

/** Serves the route table; answers false, without touching the response, when no route has the path. */
export function createApiRouter(deps: ApiDeps, cookies: BrowserCookies, routes: ApiRoute[]): ApiRouter {
  const match = createRouteMatcher(routes);
  const outages = new OutageLog(deps.logger);
  return async (request, response) => {
    const { path, query } = splitUrl(request.url ?? '/');
    const found = match(path);
    if (!found && !path.startsWith('/api/')) return false;
    const note = noteOf(request);
    const requestId = note.id;
    if (found) note.route = patternOf(found);
    response.setHeader('X-Request-ID', requestId);
    for (const [name, value] of Object.entries(corsHeaders(deps.config, path))) {
      response.setHeader(name, value);
    }
    try {
      if (!found) throw new PlainRefusal(404, { message: `there is no route ${path}` });
      const answer = await answerCall(deps, cookies, request, { path, query, match: found });
      writeSession(deps, cookies, response, answer.session);
      await respond(response, answer);
    } catch (error) {
      await sendFailure(deps, request, response, { error, requestId, path, outages });
    }
    return true;
  };
}

interface Call {
  path: string;
  query: URLSearchParams;
  match: RouteMatch;
}

/** The order of checks of api spec 1. */
async function answerCall(
  deps: ApiDeps,
  cookies: BrowserCookies,
  request: IncomingMessage,
  { path, query, match }: Call,
): Promise<ApiResponse> {
  if (request.method === 'OPTIONS') return { status: 200, body: null };
  const route = findRoute(request, match);
  const params = decodeParams(match.params);
  if (deps.config.BROWSER_API_CALLS_XHR_ONLY) refuseBareBrowserCalls(request, path);
  const caller = await authenticate(deps, cookies, request, route);
  if (needsCsrfToken(request.method) && !caller.isProvenByHeader && !route.withoutCsrf) {
    refuseForgery(request, query, caller.csrfToken);
  }
  const granted = await authorize(deps, route, caller, params);
  const body = await readBody(request, route);
  return route.handle({
    ...granted,
    identity: caller.identity,
    actor: caller.actor,
    session: caller.session,
    csrfToken: caller.csrfToken,
    params,
    query,
    body: body.json,
    rawBody: body.raw,
    headers: request.headers,
  });
}

function patternOf({ methods }: RouteMatch): string {
  const [route] = methods.values();
  return route?.path ?? 'none';
}

function splitUrl(url: string): { path: string; query: URLSearchParams } {
  const mark = url.indexOf('?');
  if (mark < 0) return { path: url, query: new URLSearchParams() };
  return { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) };
}

function findRoute(request: IncomingMessage, { methods }: RouteMatch): ApiRoute {
  const route = methods.get(request.method === 'HEAD' ? 'GET' : (request.method ?? ''));
  if (route) return route;
  const allowed = [...methods.keys()].join(', ');
  throw new PlainRefusal(
    405,
    { message: `the method ${request.method ?? ''} is not allowed here: ${allowed}` },
    { Allow: allowed },
  );
}

/** Percent-encoding is undone once; a plus stays a plus, robots are named with one. */
function decodeParams(encoded: Record<string, string>): Record<string, string> {
  try {
    return Object.fromEntries(
      Object.entries(encoded).map(([name, text]) => [name, decodeURIComponent(text)]),
    );
  } catch {
    throw new PlainRefusal(400, { message: 'the path is not validly percent-encoded' });
  }
}

function writeSession(
  deps: ApiDeps,
  cookies: BrowserCookies,
  response: ServerResponse,
  session: ApiResponse['session'],
): void {
  if (session === undefined) return;
  const attributes = {
    name: deps.config.SESSION_COOKIE_NAME,
    path: '/',
    httpOnly: true,
    sameSite: 'lax' as const,
    secure: deps.address.scheme === 'https',
  };
  if (session === 'ended') {
    response.setHeader('Set-Cookie', stringifySetCookie({ ...attributes, value: '', maxAge: 0 }));
    return;
  }
  if (session.kind === 'visitor') {
    response.setHeader('Set-Cookie', stringifySetCookie({ ...attributes, value: cookies.write(session) }));
    return;
  }
  const maxAge = Math.floor((parseDurationMs(deps.config.SESSION_TIMEOUT) ?? 0) / 1000);
  response.setHeader(
    'Set-Cookie',
    stringifySetCookie({ ...attributes, value: cookies.write(session), maxAge }),
  );
  response.setHeader('X-Next-CSRF-Token', session.csrfToken);
}

interface Failure {
  error: unknown;
  requestId: string;
  path: string;
  outages: OutageLog;
}

async function sendFailure(
  deps: ApiDeps,
  request: IncomingMessage,
  response: ServerResponse,
  failure: Failure,
): Promise<void> {
  // The client went away: there is nobody to tell, and nothing failed on our side.
  if (request.socket.destroyed) return;
  const refusal = asRefusal(deps, failure);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  discardBody(request);
  const { status, headers } = refusal;
  const body = refusal.body(`${deps.address.scheme}://${deps.address.host}`);
  await respond(response, { status, headers, ...(typeof body === 'string' ? { text: body } : { body }) });
}

function asRefusal(deps: ApiDeps, { error, requestId, path, outages }: Failure): ApiRefusal {
  if (error instanceof ApiRefusal) return error;
  if (error instanceof ActError) return refusalOf(error);
  if (isDatabaseOutage(error)) {
    outages.report('database', { err: error, requestId, path }, 'the database does not answer');
    return unavailable(requestId);
  }
  deps.logger.error({ err: error, requestId, path }, 'a request failed');
  return new ApiProblem(
    'internal_error',
    `something failed on our side; its trace is logged as ${requestId}`,
    {
      request_id: requestId,
    },
  );
}

function unavailable(requestId: string): ApiRefusal {
  const message = `the database does not answer; try again in a moment (${requestId})`;
  return new PlainRefusal(503, { message, request_id: requestId }, { 'Retry-After': '5' });
}
