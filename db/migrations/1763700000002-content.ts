import type { MigrationInterface, QueryRunner } from 'typeorm';

import { TABLE_OPTIONS } from './table-options';

const TABLES = [
  `CREATE TABLE stored_blob (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    digest varchar(140) NOT NULL,
    size_bytes bigint NOT NULL,
    storage_key varchar(255) NOT NULL,
    state varchar(16) NOT NULL,
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX stored_blob_digest (digest)
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE repository_blob (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    repository_id bigint unsigned NOT NULL,
    blob_id bigint unsigned NOT NULL,
    hold_until_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX repository_blob_link (repository_id, blob_id),
    INDEX repository_blob_blob (blob_id),
    CONSTRAINT repository_blob_repository_id_fk FOREIGN KEY (repository_id) REFERENCES repository (id) ON DELETE CASCADE,
    CONSTRAINT repository_blob_blob_id_fk FOREIGN KEY (blob_id) REFERENCES stored_blob (id)
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE upload (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    uuid char(36) NOT NULL,
    repository_id bigint unsigned NOT NULL,
    received_bytes bigint NOT NULL,
    storage_key varchar(255) NOT NULL,
    epoch int NOT NULL,
    lease_owner varchar(64) NULL,
    lease_until_ms bigint NULL,
    created_at_ms bigint NOT NULL,
    expires_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX upload_uuid (uuid),
    INDEX upload_expiry (expires_at_ms),
    CONSTRAINT upload_repository_id_fk FOREIGN KEY (repository_id) REFERENCES repository (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE manifest (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    repository_id bigint unsigned NOT NULL,
    digest varchar(140) NOT NULL,
    media_type varchar(255) NOT NULL,
    body mediumblob NOT NULL,
    size_bytes bigint NOT NULL,
    layers_size_bytes bigint NULL,
    config_media_type varchar(255) NULL,
    artifact_type varchar(255) NULL,
    subject_digest varchar(140) NULL,
    deleted_at_ms bigint NULL,
    hold_until_ms bigint NOT NULL,
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX manifest_digest (repository_id, digest),
    INDEX manifest_subject (repository_id, subject_digest),
    CONSTRAINT manifest_repository_id_fk FOREIGN KEY (repository_id) REFERENCES repository (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE manifest_blob (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    manifest_id bigint unsigned NOT NULL,
    repository_id bigint unsigned NOT NULL,
    blob_id bigint unsigned NOT NULL,
    position int NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX manifest_blob_link (manifest_id, position),
    INDEX manifest_blob_blob (blob_id, repository_id),
    CONSTRAINT manifest_blob_manifest_id_fk FOREIGN KEY (manifest_id) REFERENCES manifest (id) ON DELETE CASCADE,
    CONSTRAINT manifest_blob_blob_id_fk FOREIGN KEY (blob_id) REFERENCES stored_blob (id)
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE manifest_child (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    parent_id bigint unsigned NOT NULL,
    child_id bigint unsigned NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX manifest_child_link (parent_id, child_id),
    INDEX manifest_child_child (child_id),
    CONSTRAINT manifest_child_parent_id_fk FOREIGN KEY (parent_id) REFERENCES manifest (id) ON DELETE CASCADE,
    CONSTRAINT manifest_child_child_id_fk FOREIGN KEY (child_id) REFERENCES manifest (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE tag (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    repository_id bigint unsigned NOT NULL,
    name varchar(128) NOT NULL,
    manifest_id bigint unsigned NOT NULL,
    digest varchar(140) NOT NULL,
    lifetime_start_ms bigint NOT NULL,
    lifetime_end_ms bigint NULL,
    is_current tinyint NULL,
    reversion tinyint NOT NULL DEFAULT '0',
    immutable tinyint NOT NULL DEFAULT '0',
    PRIMARY KEY (id),
    UNIQUE INDEX tag_current (repository_id, name, is_current),
    INDEX tag_expiry (lifetime_end_ms),
    INDEX tag_manifest (manifest_id),
    INDEX tag_history (repository_id, lifetime_start_ms),
    CONSTRAINT tag_repository_id_fk FOREIGN KEY (repository_id) REFERENCES repository (id) ON DELETE CASCADE,
    CONSTRAINT tag_manifest_id_fk FOREIGN KEY (manifest_id) REFERENCES manifest (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE manifest_label (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    uuid char(36) NOT NULL,
    manifest_id bigint unsigned NOT NULL,
    label_key varchar(255) NOT NULL,
    label_value mediumtext NOT NULL,
    media_type varchar(32) NOT NULL,
    source varchar(16) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX manifest_label_uuid (uuid),
    INDEX manifest_label_manifest (manifest_id, label_key),
    CONSTRAINT manifest_label_manifest_id_fk FOREIGN KEY (manifest_id) REFERENCES manifest (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
];

export class Content1763700000002 implements MigrationInterface {
  readonly name = 'Content1763700000002';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of TABLES) await runner.query(statement);
  }

  down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
