import type { MigrationInterface, QueryRunner } from 'typeorm';

import { TABLE_OPTIONS } from './table-options';

const TABLES = [
  `CREATE TABLE notification_rule (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    uuid char(36) NOT NULL,
    repository_id bigint unsigned NOT NULL,
    event varchar(64) NOT NULL,
    method varchar(32) NOT NULL,
    title varchar(255) NULL,
    config mediumtext NOT NULL,
    event_config mediumtext NOT NULL,
    number_of_failures int NOT NULL DEFAULT '0',
    last_error mediumtext NULL,
    last_ran_ms bigint NULL,
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX notification_rule_uuid (uuid),
    INDEX rule_event (repository_id, event),
    CONSTRAINT notification_rule_repository_id_fk FOREIGN KEY (repository_id) REFERENCES repository (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE delivery (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    uuid char(36) NOT NULL,
    event_id char(36) NOT NULL,
    rule_id bigint unsigned NULL,
    event varchar(64) NOT NULL,
    payload mediumtext NOT NULL,
    status varchar(16) NOT NULL,
    attempts int NOT NULL DEFAULT '0',
    response_status int NULL,
    last_error mediumtext NULL,
    created_at_ms bigint NOT NULL,
    ended_at_ms bigint NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX delivery_uuid (uuid),
    INDEX delivery_rule (rule_id, created_at_ms),
    INDEX delivery_status (status, created_at_ms),
    CONSTRAINT delivery_rule_id_fk FOREIGN KEY (rule_id) REFERENCES notification_rule (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE bell_notification (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    uuid char(36) NOT NULL,
    kind varchar(64) NOT NULL,
    target_id bigint unsigned NOT NULL,
    metadata mediumtext NOT NULL,
    dismissed tinyint NOT NULL DEFAULT '0',
    delivery_uuid char(36) NULL,
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX bell_delivery (delivery_uuid, target_id),
    UNIQUE INDEX bell_notification_uuid (uuid),
    INDEX bell_target (target_id, dismissed, id),
    CONSTRAINT bell_notification_target_id_fk FOREIGN KEY (target_id) REFERENCES account (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE authorized_email (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    repository_id bigint unsigned NOT NULL,
    email varchar(254) NOT NULL,
    code_hash varchar(64) NULL,
    code_expires_at_ms bigint NULL,
    confirmed tinyint NOT NULL DEFAULT '0',
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX authorized_email_pair (repository_id, email),
    UNIQUE INDEX authorized_email_code_hash (code_hash),
    CONSTRAINT authorized_email_repository_id_fk FOREIGN KEY (repository_id) REFERENCES repository (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
];

export class Notifications1763700000004 implements MigrationInterface {
  readonly name = 'Notifications1763700000004';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of TABLES) await runner.query(statement);
  }

  down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
