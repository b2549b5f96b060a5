import type { EntityManager } from 'typeorm';

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
  const rows = await manager.query<StoredCredential[]>(
    `SELECT enabled, superuser, password_hash AS passwordHash, robot_token AS robotToken FROM account WHERE id = ?`,
    [accountId],
  );
  return rows[0];
}
