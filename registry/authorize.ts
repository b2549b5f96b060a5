import { ActError } from '../commands/act-error';
import { actorOf } from '../commands/caller';
import type { RepositoryPath } from '../model/names';
import { formatRepositoryPath } from '../model/names';
import type { Challenge } from './challenge';
import { unauthorized } from './challenge';
import { RegistryError } from './errors';
import type { Exchange, ProvenExchange, ReadExchange, Registry, RepositoryExchange } from './exchange';
import { repositoryOfName } from './repository-name';
import type { ProvenToken } from './token/registry-tokens';
import type { Action } from './token/scopes';
import { allows } from './token/scopes';

/** What a challenge asks for, so that the token that it leads to is enough: deleting comes with pushing. */
const CHALLENGE_ACTIONS: Record<Action, string> = {
  pull: 'pull',
  push: 'pull,push',
  delete: 'pull,push,delete',
  '*': '*',
};

export const authorize = { token: authorizeToken, scope: authorizeScope, read: authorizeRead };

/** Gives a refusal by an act the challenge that every 401 must carry; `action` is what the route needs. */
export function challenged(
  { route: { name } }: Exchange,
  { deps }: Registry,
  action: Action,
  error: unknown,
): unknown {
  if (!(error instanceof ActError) || error.field === 'build') return error;
  if (error.reason !== 'unauthorized' && error.reason !== 'forbidden') return error;
  const challenge: Challenge = {
    ...(name !== '' && { scope: { name, actions: CHALLENGE_ACTIONS[action] } }),
    error: error.field === 'token' ? 'invalid_token' : 'insufficient_scope',
  };
  return unauthorized(deps.config, challenge, error.message);
}

/** Any token of ours; 401 with a challenge otherwise, as clients ask for a token only then (registry spec 3). */
async function authorizeToken(exchange: Exchange, registry: Registry): Promise<ProvenExchange> {
  return proven(exchange, registry, await requireToken(exchange, registry, {}));
}

/** A token whose scope has the action; the right itself is looked at by the act, in its transaction. */
async function authorizeScope(
  exchange: Exchange,
  registry: Registry,
  { action, challenge = action }: { action: Action; challenge?: Action },
): Promise<RepositoryExchange> {
  const { config } = registry.deps;
  const { name } = exchange.route;
  const path = repositoryOfName(name, config.SERVER_HOSTNAME);
  if (!path) throw new RegistryError('NAME_INVALID', { name });
  const scope = { name, actions: CHALLENGE_ACTIONS[challenge] };
  const token = await requireToken(exchange, registry, { scope });
  const granted = grantsOn(token, path, config.SERVER_HOSTNAME);
  if (!allows(granted, action)) throw unauthorized(config, { scope, error: 'insufficient_scope' });
  return { ...proven(exchange, registry, token), path, granted };
}

async function authorizeRead(exchange: Exchange, registry: Registry): Promise<ReadExchange> {
  const { config } = registry.deps;
  const scoped = await authorizeScope(exchange, registry, { action: 'pull' });
  const decision = await registry.readAccess.decide(scoped.token, scoped.path);
  const scope = { name: exchange.route.name, actions: CHALLENGE_ACTIONS.pull };
  switch (decision.outcome) {
    case 'readable':
      return { ...scoped, repositoryId: decision.repositoryId, isPublic: decision.isPublic };
    case 'absent':
      throw new RegistryError('NAME_UNKNOWN', { name: formatRepositoryPath(scoped.path) });
    case 'namespace-disabled':
      throw new RegistryError(
        'DENIED',
        {},
        {
          status: 405,
          message: 'This namespace is disabled. Please contact your system administrator.',
        },
      );
    case 'refused':
      throw unauthorized(config, { scope, error: 'insufficient_scope' });
    case 'token-revoked':
      throw unauthorized(config, { scope, error: 'invalid_token' });
    default:
      return decision satisfies never;
  }
}

async function requireToken(
  { req }: Exchange,
  { deps, tokens }: Registry,
  challenge: Challenge,
): Promise<ProvenToken> {
  const header = req.headers.authorization ?? '';
  const jwt = /^bearer\s+(\S+)\s*$/i.exec(header)?.[1];
  if (jwt === undefined) throw unauthorized(deps.config, challenge);
  const token = await tokens.verify(jwt);
  if (!token) {
    throw unauthorized(
      deps.config,
      { ...challenge, error: 'invalid_token' },
      'the token is invalid or has expired',
    );
  }
  return token;
}

function proven(exchange: Exchange, registry: Registry, token: ProvenToken): ProvenExchange {
  const { identity, proof } = token;
  const actor = actorOf(identity, registry.clientAddress(exchange.req));
  const userAgent = exchange.req.headers['user-agent'];
  return {
    ...exchange,
    token,
    pusher: { identity, actor, proof, ...(userAgent !== undefined && { userAgent }) },
  };
}

function grantsOn(token: ProvenToken, path: RepositoryPath, host: string): string[] {
  const wanted = formatRepositoryPath(path);
  return token.grants
    .filter(({ name }) => {
      const granted = repositoryOfName(name, host);
      return granted !== undefined && formatRepositoryPath(granted) === wanted;
    })
    .flatMap((grant) => grant.actions);
}
