import type { MigrationInterface, QueryRunner } from 'typeorm';

import { TABLE_OPTIONS } from './table-options';

const TABLES = [
  `CREATE TABLE repository (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    uuid char(36) NOT NULL,
    namespace_id bigint unsigned NOT NULL,
    name varchar(255) NOT NULL,
    visibility varchar(16) NOT NULL,
    state varchar(32) NOT NULL,
    description mediumtext NULL,
    badge_token char(36) NOT NULL,
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX repository_name (namespace_id, name),
    UNIQUE INDEX repository_uuid (uuid),
    CONSTRAINT repository_namespace_id_fk FOREIGN KEY (namespace_id) REFERENCES account (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE repository_permission (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    repository_id bigint unsigned NOT NULL,
    account_id bigint unsigned NULL,
    team_id bigint unsigned NULL,
    role varchar(16) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX permission_team (repository_id, team_id),
    UNIQUE INDEX permission_account (repository_id, account_id),
    INDEX permission_of_account (account_id),
    CONSTRAINT repository_permission_repository_id_fk FOREIGN KEY (repository_id) REFERENCES repository (id) ON DELETE CASCADE,
    CONSTRAINT repository_permission_account_id_fk FOREIGN KEY (account_id) REFERENCES account (id) ON DELETE CASCADE,
    CONSTRAINT repository_permission_team_id_fk FOREIGN KEY (team_id) REFERENCES team (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE repository_token (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    uuid char(36) NOT NULL,
    repository_id bigint unsigned NOT NULL,
    kind varchar(16) NOT NULL,
    friendly_name varchar(255) NOT NULL,
    role varchar(16) NOT NULL,
    code varchar(32) NOT NULL,
    secret text NOT NULL,
    build_uuid char(36) NULL,
    created_at_ms bigint NOT NULL,
    expires_at_ms bigint NULL,
    revoked_at_ms bigint NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX repository_token_uuid (uuid),
    UNIQUE INDEX repository_token_code (code),
    CONSTRAINT repository_token_repository_id_fk FOREIGN KEY (repository_id) REFERENCES repository (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE audit_log (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    kind varchar(64) NOT NULL,
    namespace_id bigint unsigned NULL,
    repository_id bigint unsigned NULL,
    performer_id bigint unsigned NULL,
    ip varchar(64) NULL,
    metadata mediumtext NOT NULL,
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    INDEX audit_namespace (namespace_id, created_at_ms),
    INDEX audit_repository (repository_id, created_at_ms)
  ) ${TABLE_OPTIONS}`,
];

export class Repositories1763700000001 implements MigrationInterface {
  readonly name = 'Repositories1763700000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of TABLES) await runner.query(statement);
  }

  down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
