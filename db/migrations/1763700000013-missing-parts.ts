import type { MigrationInterface, QueryRunner } from 'typeorm';

import { TABLE_OPTIONS } from './table-options';

/** What sparse manifests name and their repositories do not have yet. */
export class MissingParts1763700000013 implements MigrationInterface {
  readonly name = 'MissingParts1763700000013';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE missing_part (
      id bigint unsigned NOT NULL AUTO_INCREMENT,
      manifest_id bigint unsigned NOT NULL,
      repository_id bigint unsigned NOT NULL,
      digest varchar(140) NOT NULL,
      position int NULL,
      PRIMARY KEY (id),
      INDEX missing_part_digest (repository_id, digest),
      INDEX missing_part_manifest (manifest_id),
      CONSTRAINT missing_part_manifest_id_fk FOREIGN KEY (manifest_id) REFERENCES manifest (id) ON DELETE CASCADE
    ) ${TABLE_OPTIONS}`);
  }

  down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
