import type { EntityManager } from 'typeorm';

/**
 * Lets one act at a time ask whether the installation is still empty. READ COMMITTED locks no gaps, so an empty table
 * protects nothing; the row of the first migration is there in every installation and nothing else locks it.
 */
export async function lockInstallation(manager: EntityManager): Promise<void> {
  await manager.query(`SELECT id FROM migrations ORDER BY id LIMIT 1 FOR UPDATE`);
}
