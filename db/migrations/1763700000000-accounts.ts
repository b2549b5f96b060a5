import type { MigrationInterface, QueryRunner } from 'typeorm';

import { TABLE_OPTIONS } from './table-options';

const TABLES = [
  `CREATE TABLE account (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    uuid char(36) NOT NULL,
    kind varchar(16) NOT NULL,
    name varchar(255) NOT NULL,
    email varchar(254) NULL,
    password_hash varchar(255) NULL,
    enabled tinyint NOT NULL DEFAULT '1',
    verified tinyint NOT NULL DEFAULT '0',
    superuser tinyint NOT NULL DEFAULT '0',
    owner_id bigint unsigned NULL,
    robot_token text NULL,
    description varchar(255) NOT NULL DEFAULT '',
    tag_expiration_ms bigint NOT NULL,
    maximum_queued_builds int NULL,
    created_at_ms bigint NOT NULL,
    last_accessed_ms bigint NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX account_uuid (uuid),
    UNIQUE INDEX account_name (name),
    UNIQUE INDEX account_email (email),
    INDEX account_owner (owner_id),
    CONSTRAINT account_owner_id_fk FOREIGN KEY (owner_id) REFERENCES account (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE team (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    organization_id bigint unsigned NOT NULL,
    name varchar(255) NOT NULL,
    role varchar(16) NOT NULL,
    description mediumtext NULL,
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX team_name (organization_id, name),
    CONSTRAINT team_organization_id_fk FOREIGN KEY (organization_id) REFERENCES account (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE team_member (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    team_id bigint unsigned NOT NULL,
    account_id bigint unsigned NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX team_member_account (account_id, team_id),
    CONSTRAINT team_member_team_id_fk FOREIGN KEY (team_id) REFERENCES team (id) ON DELETE CASCADE,
    CONSTRAINT team_member_account_id_fk FOREIGN KEY (account_id) REFERENCES account (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE session (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    key_hash varchar(64) NOT NULL,
    account_id bigint unsigned NOT NULL,
    csrf_token varchar(64) NOT NULL,
    login_at_ms bigint NOT NULL,
    expires_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX session_key_hash (key_hash),
    CONSTRAINT session_account_id_fk FOREIGN KEY (account_id) REFERENCES account (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE oauth_token (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    uuid char(36) NOT NULL,
    account_id bigint unsigned NOT NULL,
    title varchar(64) NOT NULL,
    lookup varchar(20) NOT NULL,
    secret_hash varchar(64) NOT NULL,
    scopes varchar(255) NOT NULL,
    created_at_ms bigint NOT NULL,
    expires_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX oauth_token_uuid (uuid),
    UNIQUE INDEX oauth_token_lookup (lookup),
    CONSTRAINT oauth_token_account_id_fk FOREIGN KEY (account_id) REFERENCES account (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE service_key (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    kid varchar(64) NOT NULL,
    public_jwk mediumtext NOT NULL,
    private_pem text NOT NULL,
    created_at_ms bigint NOT NULL,
    expires_at_ms bigint NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX service_key_kid (kid)
  ) ${TABLE_OPTIONS}`,
];

export class Accounts1763700000000 implements MigrationInterface {
  readonly name = 'Accounts1763700000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of TABLES) await runner.query(statement);
  }

  down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
