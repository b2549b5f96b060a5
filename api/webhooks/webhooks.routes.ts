import { repositoryAccess } from '../../auth/access';
import { ANONYMOUS } from '../../auth/identity';
import { ActError } from '../../commands/act-error';
import { acceptBuild } from '../../commands/builds/accept-build';
import { findTriggerByUuid } from '../../db/stores/builds';
import { atLeast } from '../../model/roles';
import type { PushDecision, ReadPush } from '../../model/webhook-payloads';
import { readPush, reasonToSkipPush } from '../../model/webhook-payloads';
import { withoutCredentials } from '../../outbound/git-url';
import type { ApiDeps } from '../api-deps';
import { PlainRefusal } from '../errors';
import { parseJson } from '../pipeline/parse-json';
import type { ApiRequest, ApiResponse, ApiRoute } from '../route';
import { route } from '../route';

const LARGEST_PAYLOAD_BYTES = 5 * 1024 * 1024;

/** Where git hosts and hooks post pushes (builds spec 1.4, 1.5); the password in the address is `$token`'s. */
export function createWebhookRoutes(deps: ApiDeps): ApiRoute[] {
  const paths = [
    { path: '//webhooks/push/trigger/{uuid}', operationId: 'pushWebhook' },
    { path: '//webhooks/push/{r}/trigger/{uuid}', operationId: 'pushWebhookOfRepository' },
  ];
  return paths.map((named) =>
    route({
      method: 'POST',
      ...named,
      access: 'anyone-always',
      basicAuth: true,
      withoutCsrf: true,
      rawBody: { limitBytes: LARGEST_PAYLOAD_BYTES },
      handle: (request) => receivePush(deps, request),
    }),
  );
}

/** Everybody who sees the build sees it. A trigger that is not active yet has none; `acceptBuild` refuses it. */
function gitUrlOf({ trigger }: Target): string {
  const { build_source: gitUrl } = trigger.config;
  return typeof gitUrl === 'string' ? withoutCredentials(gitUrl) : '';
}

type Target = NonNullable<Awaited<ReturnType<typeof findTriggerByUuid>>>;

/** What became of one ref of the push; the whole answer when there is one, as nearly always. */
type Verdict = { status: 'queued'; build_id: string } | { status: 'skipped'; reason: string };

async function receivePush(deps: ApiDeps, request: ApiRequest): Promise<ApiResponse> {
  const target = await findTarget(deps, request);
  const read = readPush(parsePayload(request), gitUrlOf(target));
  if (read.kind === 'invalid') {
    const { field, reason } = read.problem;
    throw new PlainRefusal(400, { error: `${field} ${reason}`, field, reason });
  }
  return { status: 200, body: await decide(deps, request, target, read) };
}

async function findTarget(deps: ApiDeps, { params, ...request }: ApiRequest): Promise<Target> {
  const { manager } = deps.dataSource;
  const target = await findTriggerByUuid(manager, params.uuid ?? '');
  const path = target && `${target.repository.namespace}/${target.repository.name}`;
  if (!target || (params.r !== undefined && params.r !== path)) {
    throw new PlainRefusal(404, { error: 'Not Found' });
  }
  // A cookie would let any page start builds in its visitor's name.
  const identity = request.session ? ANONYMOUS : request.identity;
  const options = { policy: deps.policy, nowMs: deps.now() };
  const { role, repository } = await repositoryAccess(manager, identity, target.repository, options);
  if (!atLeast(role, 'write')) throw new PlainRefusal(403, { error: 'Permission Denied' });
  if (repository?.state !== 'NORMAL') {
    throw new PlainRefusal(503, {
      error: `repository "${path}" is in state ${repository?.state ?? 'unknown'}`,
    });
  }
  return target;
}

function parsePayload({ headers, rawBody }: ApiRequest): unknown {
  const type = String(headers['content-type'] ?? '').toLowerCase();
  if (/^\s*(application\/x-www-form-urlencoded|multipart\/)/.test(type) || rawBody.length === 0) {
    const reason = 'is missing: post JSON with the content type application/json';
    throw new PlainRefusal(400, {
      error: `Missing expected payload: it ${reason}`,
      field: 'payload',
      reason,
    });
  }
  try {
    return parseJson(rawBody);
  } catch (error) {
    const reason = (error as SyntaxError).message;
    throw new PlainRefusal(400, { error: `payload ${reason}`, field: 'payload', reason });
  }
}

async function decide(
  deps: ApiDeps,
  request: ApiRequest,
  target: Target,
  read: Exclude<ReadPush, { kind: 'invalid' }>,
): Promise<Verdict | { status: 'queued' | 'skipped'; builds: Verdict[] }> {
  if (read.kind === 'skipped') return { status: 'skipped', reason: read.reason };
  const [only, ...more] = read.pushes;
  if (only && more.length === 0) return queueOrSkip(deps, request, target, only);
  const builds: Verdict[] = [];
  for (const push of read.pushes) {
    try {
      builds.push(await queueOrSkip(deps, request, target, push));
    } catch (error) {
      // A refusal makes the host post the whole push again, and what was queued would be built twice.
      const isBegun = builds.some(({ status }) => status === 'queued');
      if (!isBegun || !(error instanceof PlainRefusal)) throw error;
      builds.push({ status: 'skipped', reason: String(error.body().error) });
    }
  }
  // Whoever reads one build id finds the first.
  const queued = builds.find((verdict) => verdict.status === 'queued');
  return { ...(queued ?? { status: 'skipped' }), builds };
}

async function queueOrSkip(
  deps: ApiDeps,
  request: ApiRequest,
  { trigger, repository }: Target,
  push: PushDecision,
): Promise<Verdict> {
  if (push.kind === 'skipped') return { status: 'skipped', reason: push.reason };
  const reason = reasonToSkipPush(push.metadata, trigger.config);
  if (reason !== undefined) return { status: 'skipped', reason };
  try {
    const input = { repository, trigger, metadata: push.metadata, isManual: false };
    const build = await acceptBuild(deps, request.actor, input);
    return { status: 'queued', build_id: build.uuid };
  } catch (error) {
    if (error instanceof ActError) throw new PlainRefusal(statusOf(error), { error: error.message });
    throw error;
  }
}

function statusOf({ reason }: ActError): number {
  if (reason === 'limit') return 429;
  return reason === 'wrong-state' ? 503 : 400;
}
