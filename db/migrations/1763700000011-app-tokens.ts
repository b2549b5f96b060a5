import type { MigrationInterface, QueryRunner } from 'typeorm';

import { TABLE_OPTIONS } from './table-options';

/** Passwords that people make for their clients, for user `$app`. */
export class AppTokens1763700000011 implements MigrationInterface {
  readonly name = 'AppTokens1763700000011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE app_token (
      id bigint unsigned NOT NULL AUTO_INCREMENT,
      uuid char(36) NOT NULL,
      account_id bigint unsigned NOT NULL,
      title varchar(255) NOT NULL,
      code varchar(60) NOT NULL,
      secret text NOT NULL,
      created_at_ms bigint NOT NULL,
      expires_at_ms bigint NULL,
      last_accessed_ms bigint NULL,
      PRIMARY KEY (id),
      UNIQUE INDEX app_token_uuid (uuid),
      UNIQUE INDEX app_token_code (code),
      INDEX app_token_expiry (expires_at_ms),
      CONSTRAINT app_token_account_id_fk FOREIGN KEY (account_id) REFERENCES account (id) ON DELETE CASCADE
    ) ${TABLE_OPTIONS}`);
  }

  down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
