import type { MigrationInterface, QueryRunner } from 'typeorm';

import { TABLE_OPTIONS } from './table-options';

/** Digests of blobs in other algorithms than the one that they are stored by. */
export class BlobAliases1763700000014 implements MigrationInterface {
  readonly name = 'BlobAliases1763700000014';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE blob_alias (
      id bigint unsigned NOT NULL AUTO_INCREMENT,
      digest varchar(140) NOT NULL,
      blob_id bigint unsigned NOT NULL,
      PRIMARY KEY (id),
      UNIQUE INDEX blob_alias_digest (digest),
      INDEX blob_alias_blob (blob_id),
      CONSTRAINT blob_alias_blob_id_fk FOREIGN KEY (blob_id) REFERENCES stored_blob (id) ON DELETE CASCADE
    ) ${TABLE_OPTIONS}`);
  }

  down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
