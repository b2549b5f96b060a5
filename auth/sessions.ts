import { randomBytes } from 'node:crypto';

import type { EntityManager } from 'typeorm';
import { LessThan } from 'typeorm';

import type { Config } from '../config/schema';
import { Account, Session } from '../db/entities/accounts';
import { parseDurationMs } from '../model/durations';
import type { AuthDeps } from './authentication';
import { userIdentity } from './authentication';
import type { Identity } from './identity';
import { hashToken } from './tokens';

export interface NewSession {
  /** What the cookie holds; the row has only its SHA-256. */
  key: string;
  /** What every write by this cookie must repeat. */
  csrfToken: string;
  expiresAtMs: number;
}

export interface OpenSession {
  id: number;
  identity: Extract<Identity, { kind: 'user' }>;
  csrfToken: string;
  /** The last time that the password was typed. */
  loginAtMs: number;
  expiresAtMs: number;
}

export type SessionConfig = Pick<Config, 'SESSION_TIMEOUT'>;

/** Opens a session of someone who has just typed a password; part of the caller's transaction. */
export async function createSession(
  manager: EntityManager,
  config: SessionConfig,
  { accountId, nowMs }: { accountId: number; nowMs: number },
): Promise<NewSession> {
  const session = newSession(config, nowMs);
  // Nobody asks for dead sessions again, so their owner's next sign-in is a good moment to drop them.
  await manager.delete(Session, { accountId, expiresAtMs: LessThan(nowMs) });
  await manager.insert(Session, {
    accountId,
    keyHash: hashToken(session.key),
    csrfToken: session.csrfToken,
    loginAtMs: nowMs,
    expiresAtMs: session.expiresAtMs,
  });
  return session;
}

/** The session behind a cookie's key; undefined when it ended, expired, or its user is disabled. */
export async function findSession(
  deps: Pick<AuthDeps, 'dataSource' | 'now' | 'config'>,
  key: string,
): Promise<OpenSession | undefined> {
  const { manager } = deps.dataSource;
  const row = await manager.findOneBy(Session, { keyHash: hashToken(key) });
  if (!row || row.expiresAtMs <= deps.now()) return undefined;
  const account = await manager.findOneBy(Account, { id: row.accountId, kind: 'user' });
  if (!account?.enabled) return undefined;
  const { id, csrfToken, loginAtMs, expiresAtMs } = row;
  return {
    id,
    identity: userIdentity(deps.config, account, { via: 'session' }),
    csrfToken,
    loginAtMs,
    expiresAtMs,
  };
}

/** The password was typed again: the session counts as fresh, under a new key and a new CSRF token. */
export async function renewSession(
  manager: EntityManager,
  config: SessionConfig,
  { id, nowMs }: { id: number; nowMs: number },
): Promise<NewSession> {
  const { key, ...session } = newSession(config, nowMs);
  await manager.update(Session, { id }, { ...session, keyHash: hashToken(key), loginAtMs: nowMs });
  return { key, ...session };
}

/** Ends every session of an account. */
export async function endSessions(manager: EntityManager, accountId: number): Promise<void> {
  await manager.delete(Session, { accountId });
}

function newSession(config: SessionConfig, nowMs: number): NewSession {
  return {
    key: randomBytes(32).toString('base64url'),
    // 48 bytes are 64 characters of URL-safe base64 (api spec 1.1).
    csrfToken: randomBytes(48).toString('base64url'),
    expiresAtMs: nowMs + (parseDurationMs(config.SESSION_TIMEOUT) ?? 0),
  };
}
