import type { EntityManager } from 'typeorm';

import type { Config } from '../config/schema';
import type { CallerFacts, NamespaceFacts, RepositoryFacts } from '../db/stores/access';
import { findNamespaceFacts, findRepositoryFacts } from '../db/stores/access';
import type { StoredCredential } from '../db/stores/credential-proofs';
import { findRepositoryToken } from '../db/stores/repository-tokens';
import type { RepositoryPath } from '../model/names';
import type { RepositoryRole, RepositoryState, TeamRole, Visibility } from '../model/roles';
import { atLeastTeamRole, REPOSITORY_ROLES, TEAM_ROLES } from '../model/roles';
import type { Identity } from './identity';
import type { AllowedRobots } from './robots';
import { allowedRobots, isRobotAllowed } from './robots';
import type { Caps } from './scopes';
import { accountCap, allowsSuperuser, namespaceCap, repositoryCap } from './scopes';
import { isLive } from './tokens';

/** What an identity finds at a path, and what it may do there. */
export interface RepositoryAccess {
  path: RepositoryPath;
  /** Null when nobody has the name. A disabled namespace keeps its roles here: writes and pulls refuse it. */
  namespace: NamespaceFacts | null;
  repository: { id: number; uuid: string; visibility: Visibility; state: RepositoryState } | null;
  /**
   * The strongest role, visibility included; null is none. Whoever administers the namespace has `admin` where there
   * is no repository too, so that only they learn that it is absent.
   */
  role: RepositoryRole | null;
  /** May create this repository by pushing to it or through the API; with no namespace yet, by pushing only. */
  mayCreate: boolean;
  /** Of the caller's account, when it has one; for `credentialProof`, without another statement. */
  credential?: StoredCredential | undefined;
}

export interface NamespaceAccess {
  namespace: NamespaceFacts | null;
  /** Null for whoever is in no team and does not own it. */
  role: TeamRole | null;
}

/** The part of the configuration that permissions depend on. */
export interface AccessPolicy {
  anonymousAccess: boolean;
  superusersHaveFullAccess: boolean;
  /** Names of users who read everything and gain no write by it. */
  auditors: readonly string[];
  robots: AllowedRobots;
  /** A push into a namespace that nobody has makes it an organization of whoever pushes. */
  namespacesOnPush: boolean;
}

export const DEFAULT_POLICY: AccessPolicy = {
  anonymousAccess: true,
  superusersHaveFullAccess: false,
  auditors: [],
  robots: 'all',
  namespacesOnPush: false,
};

export function accessPolicy(
  config: Pick<
    Config,
    | 'FEATURE_ANONYMOUS_ACCESS'
    | 'FEATURE_SUPERUSERS_FULL_ACCESS'
    | 'GLOBAL_READONLY_SUPER_USERS'
    | 'ROBOTS_DISALLOW'
    | 'ROBOTS_WHITELIST'
    | 'CREATE_NAMESPACE_ON_PUSH'
  >,
): AccessPolicy {
  return {
    anonymousAccess: config.FEATURE_ANONYMOUS_ACCESS,
    superusersHaveFullAccess: config.FEATURE_SUPERUSERS_FULL_ACCESS,
    auditors: config.GLOBAL_READONLY_SUPER_USERS,
    robots: allowedRobots(config),
    namespacesOnPush: config.CREATE_NAMESPACE_ON_PUSH,
  };
}

export interface AccessOptions {
  policy?: AccessPolicy;
  /** Milliseconds since the epoch; repository tokens expire by it. */
  nowMs?: number;
  /** Inside a write: keeps a repository token from being revoked until the transaction ends. */
  lockToken?: boolean;
}

/** Decides from the rows as they are now (permissions spec 11); one statement, two or three for repository tokens. */
export async function repositoryAccess(
  manager: EntityManager,
  identity: Identity,
  path: RepositoryPath,
  options: AccessOptions = {},
): Promise<RepositoryAccess> {
  const policy = options.policy ?? DEFAULT_POLICY;
  const facts = await findRepositoryFacts(manager, accountOf(identity), path);
  if (!facts) {
    const mayMake = mayMakeOrganizations(identity) && namespaceCap(identity.scopes) !== null;
    const mayCreate = policy.namespacesOnPush && mayMake;
    return { path, namespace: null, repository: null, role: null, mayCreate };
  }
  const { namespace, repository } = facts;
  const found = { path, namespace, repository, credential: facts.credential };
  const granted = await grantedRole(manager, identity, facts, { ...options, policy });
  if (granted === 'disabled') return { ...found, role: null, mayCreate: false };
  const visible =
    repository?.visibility === 'public' && (identity.kind !== 'anonymous' || policy.anonymousAccess);
  return {
    ...found,
    role: stronger(granted, visible || isAuditor(identity, policy) ? 'read' : null),
    mayCreate: atLeastTeamRole(roleOnNamespace(identity, facts, policy), 'creator'),
  };
}

/** People may, and tokens that may administer their user. */
export function mayMakeOrganizations(identity: Identity): identity is Extract<Identity, { kind: 'user' }> {
  return identity.kind === 'user' && accountCap(identity.scopes) === 'admin';
}

/** The role on a user's or organization's namespace, capped by the scopes of the token; one statement. */
export async function namespaceAccess(
  manager: EntityManager,
  identity: Identity,
  namespace: string,
  { policy = DEFAULT_POLICY }: Pick<AccessOptions, 'policy'> = {},
): Promise<NamespaceAccess> {
  const facts = await findNamespaceFacts(manager, accountOf(identity), namespace);
  if (!facts) return { namespace: null, role: null };
  return { namespace: facts.namespace, role: roleOnNamespace(identity, facts, policy) };
}

/** True for who may read every repository, whatever is granted: auditors, and superusers with full access. */
export function readsAll(identity: Identity, policy: AccessPolicy): boolean {
  if (isAuditor(identity, policy)) return true;
  return hasFullAccess(identity, policy) && repositoryCap(capsOf(identity)) !== null;
}

/** The role by grants alone; visibility and auditors come on top of it. */
async function grantedRole(
  manager: EntityManager,
  identity: Identity,
  facts: RepositoryFacts,
  options: AccessOptions & { policy: AccessPolicy },
): Promise<RepositoryRole | null | 'disabled'> {
  if (identity.kind === 'anonymous') return null;
  if (identity.kind === 'repository-token') return roleOfToken(manager, identity, facts, options);
  if (isSwitchedOff(identity, facts, options.policy)) return 'disabled';
  const caps = capsOf(identity);
  if (hasFullAccess(identity, options.policy)) return repositoryCap(caps);
  if (isForeignRobot(identity, facts)) return null;
  const administers = uncappedNamespaceRole(identity, facts) === 'admin';
  const role = administers ? 'admin' : stronger(facts.directRole, facts.rolesOfTeams);
  return weaker(role, repositoryCap(caps));
}

async function roleOfToken(
  manager: EntityManager,
  identity: Extract<Identity, { kind: 'repository-token' }>,
  facts: RepositoryFacts,
  { nowMs = Date.now(), lockToken = false }: AccessOptions,
): Promise<RepositoryRole | null | 'disabled'> {
  const found = await findRepositoryToken(manager, { uuid: identity.tokenUuid }, { lock: lockToken });
  if (!found || !isLive(found, nowMs)) return 'disabled';
  return found.token.repositoryId === facts.repository?.id ? found.token.role : null;
}

function roleOnNamespace(identity: Identity, facts: CallerFacts, policy: AccessPolicy): TeamRole | null {
  if (identity.kind === 'anonymous' || identity.kind === 'repository-token') return null;
  if (isSwitchedOff(identity, facts, policy) || isForeignRobot(identity, facts)) return null;
  const role = hasFullAccess(identity, policy) ? 'admin' : uncappedNamespaceRole(identity, facts);
  return weakerTeamRole(role, namespaceCap(capsOf(identity)));
}

function uncappedNamespaceRole(identity: Identity, facts: CallerFacts): TeamRole | null {
  const owns = identity.kind === 'user' && identity.accountId === facts.namespace.id;
  return owns ? 'admin' : facts.teamRole;
}

/** One whose account is disabled, or a robot where robots are not allowed, however it came to act. */
function isSwitchedOff(identity: Identity, facts: CallerFacts, { robots }: AccessPolicy): boolean {
  return !facts.callerEnabled || (identity.kind === 'robot' && !isRobotAllowed(robots, identity.name));
}

/** A robot has nothing outside its own namespace, whatever rows say (permissions spec 11, test 4). */
function isForeignRobot(identity: Identity, facts: CallerFacts): boolean {
  return identity.kind === 'robot' && facts.callerHomeId !== facts.namespace.id;
}

function hasFullAccess(identity: Identity, policy: AccessPolicy): boolean {
  return (
    policy.superusersHaveFullAccess &&
    identity.kind === 'user' &&
    identity.superuser &&
    !isAuditor(identity, policy) &&
    allowsSuperuser(identity.scopes)
  );
}

/** A token shows what its user may audit only when it may read repositories at all. */
function isAuditor(identity: Identity, policy: AccessPolicy): boolean {
  return (
    identity.kind === 'user' &&
    policy.auditors.includes(identity.name) &&
    repositoryCap(identity.scopes) !== null
  );
}

function accountOf(identity: Identity): number | null {
  return identity.kind === 'user' || identity.kind === 'robot' ? identity.accountId : null;
}

function capsOf(identity: Identity): Caps {
  return identity.kind === 'user' ? identity.scopes : null;
}

function stronger(a: RepositoryRole | null, b: RepositoryRole | null): RepositoryRole | null {
  return REPOSITORY_ROLES[Math.max(rank(a), rank(b))] ?? null;
}

function weaker(a: RepositoryRole | null, b: RepositoryRole | null): RepositoryRole | null {
  return REPOSITORY_ROLES[Math.min(rank(a), rank(b))] ?? null;
}

function rank(role: RepositoryRole | null): number {
  return role === null ? -1 : REPOSITORY_ROLES.indexOf(role);
}

function weakerTeamRole(a: TeamRole | null, b: TeamRole | null): TeamRole | null {
  if (a === null || b === null) return null;
  return TEAM_ROLES[Math.min(TEAM_ROLES.indexOf(a), TEAM_ROLES.indexOf(b))] ?? null;
}
