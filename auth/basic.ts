import { Account } from '../db/entities/accounts';
import { findRepositoryToken } from '../db/stores/repository-tokens';
import { parseRobotName } from '../model/names';
import { checkAppToken } from './app-tokens';
import type { AuthDeps, AuthOutcome } from './authentication';
import { accepted, DISABLED_USER, refused, userIdentity } from './authentication';
import { checkBearer } from './bearer';
import { isClientKeyOf, looksLikeClientKey } from './client-key';
import { allowedRobots, isRobotAllowed } from './robots';
import { isLive, isSameSecret, TOKEN_HALF } from './tokens';
import { checkUserPassword, findUser } from './user-password';

const ENCRYPTED_ONLY =
  'Client login with unencrypted passwords is disabled. Please generate an encrypted password for use here.';

/**
 * Proves whoever the pair of HTTP Basic names (registry spec 9.5). Only passwords of people are throttled: nobody guesses
 * the others, and who guesses at a person must not stop that person's robots and tokens.
 */
export async function authenticateBasic(
  deps: AuthDeps,
  { username, password }: BasicCredentials,
  address: string | null,
): Promise<AuthOutcome> {
  if (username === '$token') return checkRepositoryToken(deps, password);
  if (username === '$app') return checkAppToken(deps, password);
  if (username === '$oauthtoken') return checkBearer(deps, password);
  if (parseRobotName(username)) return checkRobot(deps, username, password);
  return checkUser(deps, { username, password }, address);
}

async function checkUser(
  deps: AuthDeps,
  credentials: BasicCredentials,
  address: string | null,
): Promise<AuthOutcome> {
  const { config, dataSource } = deps;
  const { username, password } = credentials;
  if (looksLikeClientKey(password)) {
    const account = await findUser(dataSource.manager, username);
    if (account && isClientKeyOf(account, password)) {
      return account.enabled
        ? accepted(userIdentity(config, account, { via: 'password' }))
        : refused(DISABLED_USER);
    }
  }
  if (config.FEATURE_REQUIRE_ENCRYPTED_BASIC_AUTH) return refused(ENCRYPTED_ONLY);
  const result = await checkUserPassword(deps, credentials, address);
  if (result.outcome !== 'accepted') return result;
  return accepted(userIdentity(config, result.account, { via: 'password' }));
}

interface BasicCredentials {
  username: string;
  password: string;
}

/** User and password of an `Authorization: Basic` header; undefined when it is not one. */
export function parseBasicHeader(header: string): BasicCredentials | undefined {
  const encoded = /^basic\s+([A-Za-z0-9+/_=-]+)\s*$/i.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

async function checkRobot(deps: AuthDeps, name: string, token: string): Promise<AuthOutcome> {
  const { manager } = deps.dataSource;
  if (!isRobotAllowed(allowedRobots(deps.config), name)) {
    return refused('Robot accounts have been disabled. Please contact your administrator.');
  }
  const robot = await manager.findOneBy(Account, { name, kind: 'robot' });
  const right = isSameSecret(token, robot?.robotToken ?? '');
  if (!robot?.robotToken || robot.ownerId === null || !right) {
    return refused(`Could not find robot with username: ${name} and supplied password.`);
  }
  const owner = await manager.findOneBy(Account, { id: robot.ownerId });
  if (!robot.enabled || !owner?.enabled) return refused(DISABLED_USER);
  return accepted({ kind: 'robot', accountId: robot.id, name, namespaceId: robot.ownerId });
}

async function checkRepositoryToken(deps: AuthDeps, password: string): Promise<AuthOutcome> {
  const code = password.slice(0, TOKEN_HALF);
  const found = await findRepositoryToken(deps.dataSource.manager, { code });
  const right = isSameSecret(password.slice(TOKEN_HALF), found?.token.secret ?? '');
  if (!found || !right || !isLive(found, deps.now())) return refused('Invalid token');
  const { token } = found;
  return accepted({
    kind: 'repository-token',
    tokenUuid: token.uuid,
    repositoryId: token.repositoryId,
    role: token.role,
    purpose: token.kind,
    buildUuid: token.buildUuid,
    friendlyName: token.friendlyName,
  });
}
