import { createHash, randomInt, randomUUID, timingSafeEqual } from 'node:crypto';

import type { EntityManager } from 'typeorm';

import type { AppToken } from '../db/entities/accounts';
import { RepositoryToken } from '../db/entities/repositories';
import type { TokenWithBuild } from '../db/stores/repository-tokens';
import { isFinalPhase } from '../model/phases';
import type { RepositoryRole } from '../model/roles';

const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const MIXED = `${UPPER}abcdefghijklmnopqrstuvwxyz`;
/** Characters of the code, and of the secret, of a repository token. */
export const TOKEN_HALF = 32;
/** Characters of the code, and of the secret, of an app token. */
export const APP_TOKEN_HALF = 60;
/** Characters of the lookup half, and of the secret half, of a bearer token. */
export const BEARER_HALF = 20;

/** A robot's password: `[A-Z0-9]{64}` (registry spec 9.5). */
export function newRobotToken(): string {
  return randomText(UPPER, 64);
}

/** The two halves of a bearer token, 20 characters each. */
export function newBearerToken(): { lookup: string; secret: string } {
  return { lookup: randomText(MIXED, BEARER_HALF), secret: randomText(MIXED, BEARER_HALF) };
}

export function newAppToken(): Pick<AppToken, 'uuid' | 'code' | 'secret'> {
  const [code, secret] = [randomText(UPPER, APP_TOKEN_HALF), randomText(UPPER, APP_TOKEN_HALF)];
  return { uuid: randomUUID(), code, secret };
}

/** 120 characters A–Z and 0–9, for user `$app`. */
export function appTokenPassword({ code, secret }: Pick<AppToken, 'code' | 'secret'>): string {
  return code + secret;
}

/** What is stored of a secret that carries enough chance to need no slow hash. */
export function hashToken(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Takes the same time whatever the texts are and wherever they differ. */
export function isSameSecret(given: string, expected: string): boolean {
  return isSameHash(hashToken(given), hashToken(expected));
}

/** The same for two texts that `hashToken` made. */
export function isSameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

export interface NewRepositoryToken {
  repositoryId: number;
  kind: 'trigger' | 'build';
  role: RepositoryRole;
  /** What people see in the log in place of a user name. */
  friendlyName: string;
  /** The token dies with this build. */
  buildUuid?: string;
  expiresAtMs?: number;
  nowMs: number;
}

export interface MintedRepositoryToken {
  id: number;
  uuid: string;
  /** 64 characters A–Z and 0–9, for user `$token`. */
  password: string;
}

/** Writes a token for user `$token`; part of the caller's transaction. */
export async function mintRepositoryToken(
  manager: EntityManager,
  { nowMs, ...columns }: NewRepositoryToken,
): Promise<MintedRepositoryToken> {
  const token = manager.create(RepositoryToken, {
    ...columns,
    uuid: randomUUID(),
    code: randomText(UPPER, TOKEN_HALF),
    secret: randomText(UPPER, TOKEN_HALF),
    createdAtMs: nowMs,
  });
  const { id, uuid } = await manager.save(token);
  return { id: Number(id), uuid, password: repositoryTokenPassword(token) };
}

/** The password as people copy it; webhook URLs stay readable for those who administer the repository. */
export function repositoryTokenPassword(token: Pick<RepositoryToken, 'code' | 'secret'>): string {
  return token.code + token.secret;
}

/** Not revoked, not expired, and its build, if it has one, still runs. */
export function isLive({ token, buildPhase }: TokenWithBuild, nowMs: number): boolean {
  if (token.revokedAtMs !== null) return false;
  if (token.expiresAtMs !== null && token.expiresAtMs <= nowMs) return false;
  return buildPhase === null || !isFinalPhase(buildPhase);
}

function randomText(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet.charAt(randomInt(alphabet.length))).join('');
}
