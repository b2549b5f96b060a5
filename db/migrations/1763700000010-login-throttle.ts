import type { MigrationInterface, QueryRunner } from 'typeorm';

import { TABLE_OPTIONS } from './table-options';

/** Wrong passwords, counted for all processes together. */
export class LoginThrottle1763700000010 implements MigrationInterface {
  readonly name = 'LoginThrottle1763700000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE login_backoff (
      subject varchar(64) NOT NULL,
      address varchar(45) NOT NULL,
      failures int NOT NULL,
      blocked_until_ms bigint NOT NULL,
      expires_at_ms bigint NOT NULL,
      PRIMARY KEY (subject, address),
      INDEX login_backoff_expiry (expires_at_ms)
    ) ${TABLE_OPTIONS}`);
    await runner.query(`CREATE TABLE login_flood (
      scope varchar(64) NOT NULL,
      drained_at_ms bigint NOT NULL,
      PRIMARY KEY (scope),
      INDEX login_flood_drained (drained_at_ms)
    ) ${TABLE_OPTIONS}`);
  }

  down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
