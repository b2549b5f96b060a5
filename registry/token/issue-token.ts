import type { IncomingMessage } from 'node:http';

import { parseBasicHeader } from '../../auth/basic';
import { credentialProof } from '../../auth/credential-proof';
import type { Identity } from '../../auth/identity';
import { ANONYMOUS } from '../../auth/identity';
import { actorOf } from '../../commands/caller';
import { recordLogin } from '../../commands/content/record-login';
import { unauthorized } from '../challenge';
import { RegistryError } from '../errors';
import type { Exchange, Registry } from '../exchange';
import { sendJson } from '../reply';
import { isReadOnly } from '../write-gate';
import { decideGrants } from './decide-grants';
import { logIn } from './log-in';
import { parseScopes } from './scopes';

/** `GET /v2/auth` (registry spec 9). What is not permitted is left out of the grant, it is no error. */
export async function issueToken(exchange: Exchange, registry: Registry): Promise<void> {
  const { req, res, query } = exchange;
  const { deps, tokens, content } = registry;
  const audience = audienceOf(query, deps.config.SERVER_HOSTNAME);
  const scopes = parseScopes(query.getAll('scope'));
  const identity = await identify(req, registry, query.has('scope'));
  const proof = await credentialProof(deps.dataSource.manager, identity, deps.now());
  if (proof === undefined) throw unauthorized(deps.config, {}, 'this account is gone or disabled');
  const grants = await decideGrants(registry, identity, scopes);
  if (!query.has('scope') && deps.config.ACTION_LOG_AUDIT_LOGINS && !isReadOnly(deps.config)) {
    const userAgent = req.headers['user-agent'];
    await recordLogin(content, {
      identity,
      actor: actorOf(identity, registry.clientAddress(req)),
      userAgent,
    });
  }
  const token = await tokens.issue({ identity, proof, grants, audience });
  sendJson(
    res,
    200,
    {
      token,
      access_token: token,
      expires_in: deps.config.REGISTRY_JWT_LIFETIME_S,
      issued_at: new Date(deps.now()).toISOString(),
    },
    { 'Cache-Control': 'no-store' },
  );
}

/** A token made for another service would fail at its use: better to say so here. */
function audienceOf(query: URLSearchParams, host: string): string {
  const service = query.get('service') ?? host;
  if (service !== host) {
    throw new RegistryError(
      'INVALID_REQUEST',
      { service },
      { message: `this registry is the service "${host}"` },
    );
  }
  return service;
}

async function identify(req: IncomingMessage, registry: Registry, hasScope: boolean): Promise<Identity> {
  const { config } = registry.deps;
  const header = req.headers.authorization;
  if (header === undefined) {
    if (hasScope && config.FEATURE_ANONYMOUS_ACCESS) return ANONYMOUS;
    throw unauthorized(config, {});
  }
  const refuse = (message: string) => unauthorized(config, {}, message);
  const credentials = parseBasicHeader(header);
  if (!credentials) throw refuse('the Authorization header is not of the kind Basic');
  return logIn({ req, credentials, refuse }, registry);
}
