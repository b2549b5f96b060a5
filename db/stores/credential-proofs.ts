import type { EntityManager } from 'typeorm';
import { execute } from '../pool';

const TOKEN_TABLES = { oauth: 'oauth_token', app: 'app_token' } as const;

export interface StoredCredential {
  enabled: number;
  superuser: number;
  passwordHash: string | null;
  /** As stored, that is sealed. */
  robotToken: string | null;
}

export async function storedCredential(
  manager: EntityManager,
  accountId: number,
): Promise<StoredCredential | undefined> {
  const rows = await execute<StoredCredential[]>(
    manager,
    `SELECT enabled, superuser, password_hash AS passwordHash, robot_token AS robotToken FROM account WHERE id = ?`,
    [accountId],
  );
  return rows[0];
}

/** Whether a bearer or app token of an account is still there and has not expired. */
export async function hasLiveToken(
  manager: EntityManager,
  { kind, uuid, accountId, nowMs }: { kind: 'oauth' | 'app'; uuid: string; accountId: number; nowMs: number },
): Promise<boolean> {
  const rows = await manager.query<unknown[]>(
    `SELECT 1 FROM ${TOKEN_TABLES[kind]}
      WHERE uuid = ? AND account_id = ? AND (expires_at_ms IS NULL OR expires_at_ms > ?)`,
    [uuid, accountId, nowMs],
  );
  return rows.length > 0;
}
