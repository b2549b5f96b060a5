import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tells which files in storage have a row: their names need not tell the digest. */
export class BlobKeys1763700000012 implements MigrationInterface {
  readonly name = 'BlobKeys1763700000012';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE stored_blob ADD INDEX stored_blob_key (storage_key)`);
  }

  down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
