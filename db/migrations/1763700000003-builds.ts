import type { MigrationInterface, QueryRunner } from 'typeorm';

import { TABLE_OPTIONS } from './table-options';

const TABLES = [
  `CREATE TABLE build_trigger (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    uuid char(36) NOT NULL,
    repository_id bigint unsigned NOT NULL,
    service varchar(32) NOT NULL,
    config mediumtext NOT NULL,
    is_active tinyint NOT NULL DEFAULT '0',
    public_key mediumtext NULL,
    private_key text NULL,
    auth_token text NULL,
    write_token_id bigint unsigned NULL,
    pull_robot_id bigint unsigned NULL,
    connected_account_id bigint unsigned NULL,
    enabled tinyint NOT NULL DEFAULT '1',
    disabled_reason varchar(64) NULL,
    disabled_at_ms bigint NULL,
    successive_failures int NOT NULL DEFAULT '0',
    successive_internal_errors int NOT NULL DEFAULT '0',
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX build_trigger_uuid (uuid),
    CONSTRAINT build_trigger_repository_id_fk FOREIGN KEY (repository_id) REFERENCES repository (id) ON DELETE CASCADE,
    CONSTRAINT build_trigger_write_token_id_fk FOREIGN KEY (write_token_id) REFERENCES repository_token (id) ON DELETE SET NULL,
    CONSTRAINT build_trigger_pull_robot_id_fk FOREIGN KEY (pull_robot_id) REFERENCES account (id) ON DELETE SET NULL,
    CONSTRAINT build_trigger_connected_account_id_fk FOREIGN KEY (connected_account_id) REFERENCES account (id) ON DELETE SET NULL
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE build (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    uuid char(36) NOT NULL,
    repository_id bigint unsigned NOT NULL,
    trigger_id bigint unsigned NULL,
    phase varchar(24) NOT NULL,
    display_name varchar(255) NOT NULL,
    docker_tags mediumtext NOT NULL,
    context varchar(1024) NOT NULL,
    dockerfile_path varchar(1024) NOT NULL,
    archive_url mediumtext NULL,
    trigger_metadata mediumtext NOT NULL,
    is_manual tinyint NOT NULL DEFAULT '0',
    manual_account_id bigint unsigned NULL,
    pull_robot_id bigint unsigned NULL,
    push_token_id bigint unsigned NULL,
    status mediumtext NOT NULL,
    attempt int NOT NULL DEFAULT '0',
    error_code varchar(64) NULL,
    error_message mediumtext NULL,
    image_id varchar(255) NULL,
    manifest_digest varchar(140) NULL,
    log_length int NOT NULL DEFAULT '0',
    log_object_key varchar(255) NULL,
    created_at_ms bigint NOT NULL,
    started_at_ms bigint NULL,
    ended_at_ms bigint NULL,
    heartbeat_at_ms bigint NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX build_uuid (uuid),
    INDEX build_phase (phase, created_at_ms),
    INDEX build_trigger_builds (trigger_id, created_at_ms),
    INDEX build_repository (repository_id, created_at_ms),
    CONSTRAINT build_repository_id_fk FOREIGN KEY (repository_id) REFERENCES repository (id) ON DELETE CASCADE,
    CONSTRAINT build_trigger_id_fk FOREIGN KEY (trigger_id) REFERENCES build_trigger (id) ON DELETE SET NULL,
    CONSTRAINT build_manual_account_id_fk FOREIGN KEY (manual_account_id) REFERENCES account (id) ON DELETE SET NULL,
    CONSTRAINT build_pull_robot_id_fk FOREIGN KEY (pull_robot_id) REFERENCES account (id) ON DELETE SET NULL,
    CONSTRAINT build_push_token_id_fk FOREIGN KEY (push_token_id) REFERENCES repository_token (id) ON DELETE SET NULL
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE build_log (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    build_id bigint unsigned NOT NULL,
    position int NOT NULL,
    type varchar(16) NULL,
    message mediumtext NOT NULL,
    data mediumtext NOT NULL,
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX build_log_position (build_id, position),
    CONSTRAINT build_log_build_id_fk FOREIGN KEY (build_id) REFERENCES build (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
];

export class Builds1763700000003 implements MigrationInterface {
  readonly name = 'Builds1763700000003';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of TABLES) await runner.query(statement);
  }

  down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
