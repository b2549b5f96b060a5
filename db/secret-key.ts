import type { DataSource } from 'typeorm';

import { openSealed } from './sealing';

/** One sealed value of each kind: what an installation has depends on what was done with it. */
const SAMPLES = [
  'SELECT private_pem AS sealed FROM service_key LIMIT 1',
  'SELECT robot_token AS sealed FROM account WHERE robot_token IS NOT NULL LIMIT 1',
  'SELECT config AS sealed FROM build_trigger LIMIT 1',
  'SELECT config AS sealed FROM notification_rule LIMIT 1',
  'SELECT secret AS sealed FROM repository_token LIMIT 1',
  'SELECT secret AS sealed FROM app_token LIMIT 1',
];

/** Throws one sentence when `DATABASE_SECRET_KEY` is not the key that sealed the secrets of this database. */
export async function requireSecretKey(dataSource: DataSource): Promise<void> {
  for (const sample of SAMPLES) {
    const [row] = await readSample(dataSource, sample);
    if (!row) continue;
    try {
      openSealed(row.sealed);
    } catch (cause) {
      throw new Error(
        'DATABASE_SECRET_KEY is not the key with which the secrets of this database were sealed: ' +
          'put back the one of the installation that wrote it',
        { cause },
      );
    }
  }
}

async function readSample(dataSource: DataSource, sample: string): Promise<{ sealed: string }[]> {
  try {
    return await dataSource.query<{ sealed: string }[]>(sample);
  } catch (error) {
    // A database that was never migrated has no secrets.
    if ((error as { code?: unknown }).code === 'ER_NO_SUCH_TABLE') return [];
    throw error;
  }
}
