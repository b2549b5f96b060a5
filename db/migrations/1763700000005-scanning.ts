import type { MigrationInterface, QueryRunner } from 'typeorm';

import { TABLE_OPTIONS } from './table-options';

const TABLES = [
  `CREATE TABLE scan_layer (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    layer_digest varchar(140) NOT NULL,
    indexer_state varchar(64) NOT NULL,
    result_key varchar(255) NULL,
    error mediumtext NULL,
    lease_owner varchar(64) NULL,
    lease_until_ms bigint NULL,
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX scan_layer_result (layer_digest, indexer_state)
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE index_report (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    manifest_id bigint unsigned NOT NULL,
    status varchar(32) NOT NULL,
    indexer_state varchar(64) NULL,
    document mediumtext NULL,
    error mediumtext NULL,
    failures int NOT NULL DEFAULT '0',
    announced_at_ms bigint NULL,
    indexed_at_ms bigint NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX index_report_manifest (manifest_id),
    CONSTRAINT index_report_manifest_id_fk FOREIGN KEY (manifest_id) REFERENCES manifest (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE advisory_source (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    name varchar(128) NOT NULL,
    fingerprint varchar(64) NOT NULL,
    operation char(36) NOT NULL,
    advisory_count int NOT NULL,
    warnings mediumtext NOT NULL,
    last_error mediumtext NULL,
    updated_at_ms bigint NOT NULL,
    PRIMARY KEY (id),
    UNIQUE INDEX advisory_source_name (name)
  ) ${TABLE_OPTIONS}`,
  `CREATE TABLE advisory (
    id bigint unsigned NOT NULL AUTO_INCREMENT,
    source_id bigint unsigned NOT NULL,
    operation char(36) NOT NULL,
    namespace varchar(128) NOT NULL,
    package_name varchar(255) NOT NULL,
    advisory_id varchar(128) NOT NULL,
    severity varchar(16) NOT NULL,
    document mediumtext NOT NULL,
    withdrawn tinyint NOT NULL DEFAULT '0',
    PRIMARY KEY (id),
    INDEX advisory_source_operation (source_id, operation),
    INDEX advisory_package (namespace, package_name),
    CONSTRAINT advisory_source_id_fk FOREIGN KEY (source_id) REFERENCES advisory_source (id) ON DELETE CASCADE
  ) ${TABLE_OPTIONS}`,
];

export class Scanning1763700000005 implements MigrationInterface {
  readonly name = 'Scanning1763700000005';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of TABLES) await runner.query(statement);
  }

  down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
