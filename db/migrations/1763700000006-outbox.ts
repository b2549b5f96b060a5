import type { MigrationInterface, QueryRunner } from 'typeorm';

import { TABLE_OPTIONS } from './table-options';

const TABLES = [
  `CREATE TABLE outbox (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    event_id char(36) NOT NULL,
    ordering_key varchar(255) NOT NULL,
    kind varchar(64) NOT NULL,
    payload mediumtext NOT NULL,
    attempts int NOT NULL DEFAULT '0',
    last_error mediumtext NULL,
    created_at_ms bigint NOT NULL,
    available_at_ms bigint NOT NULL,
    claimed_until_ms bigint NULL,
    delivered_at_ms bigint NULL,
    parked_at_ms bigint NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX outbox_event_id (event_id),
    INDEX outbox_head (ordering_key, delivered_at_ms, parked_at_ms, id),
    INDEX outbox_due (delivered_at_ms, parked_at_ms, available_at_ms, id)
  ) ${TABLE_OPTIONS}`,
];

export class Outbox1763700000006 implements MigrationInterface {
  readonly name = 'Outbox1763700000006';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of TABLES) await runner.query(statement);
  }

  down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
