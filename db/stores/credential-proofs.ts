import type { EntityManager } from 'typeorm';
import { execute } from '../pool';

const TOKEN_TABLES = { oauth: 'oauth_token', app: 'app_token' } as const;

export interface StoredCredential {
  enabled: boolean;
  superuser: boolean;
  /** A digest of the password's hash and the robot's token as they are stored. */
  secrets: string;
}

/** The columns of a {@link StoredCredential} as {@link credentialOf} reads them. */
export function credentialColumns(account: string): string {
  return `${account}.enabled AS credentialEnabled, ${account}.superuser AS credentialSuperuser,
    SHA2(CONCAT(COALESCE(${account}.password_hash, ''), ' ', COALESCE(${account}.robot_token, '')), 256) AS credentialSecrets`;
}

/** All null where there is no such account. */
export interface CredentialRow {
  credentialEnabled: number | null;
  credentialSuperuser: number | null;
  credentialSecrets: string | null;
}

export function credentialOf(row: CredentialRow | undefined): StoredCredential | undefined {
  const { credentialSecrets: secrets = null, credentialEnabled, credentialSuperuser } = row ?? {};
  if (secrets === null) return undefined;
  return { enabled: Number(credentialEnabled) === 1, superuser: Number(credentialSuperuser) === 1, secrets };
}

export async function storedCredential(
  manager: EntityManager,
  accountId: number,
): Promise<StoredCredential | undefined> {
  const rows = await execute<CredentialRow[]>(
    manager,
    `SELECT ${credentialColumns('me')} FROM account me WHERE me.id = ?`,
    [accountId],
  );
  return credentialOf(rows[0]);
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
