import type { EntityManager } from 'typeorm';
import { In } from 'typeorm';

import { latestLeaseEndMs } from '../../model/leases';
import type { Severity } from '../../model/severities';
import { Account } from '../entities/accounts';
import { Manifest } from '../entities/content';
import { Repository } from '../entities/repositories';
import { IndexReportRow, ScanLayer } from '../entities/scanning';
import { isSparse } from './missing-parts';

/** A manifest that is not deleted, as scans need it. */
export interface ScanSubject {
  manifestId: number;
  digest: string;
  mediaType: string;
  body: Buffer;
  repository: { id: number; namespace: string; name: string };
  /** Some of what it names was never pushed to its repository. */
  isSparse: boolean;
}

export async function findScanSubject(
  manager: EntityManager,
  manifestId: number,
): Promise<ScanSubject | undefined> {
  const manifest = await manager.findOneBy(Manifest, { id: manifestId });
  if (!manifest || manifest.deletedAtMs !== null) return undefined;
  const repository = await manager.findOneBy(Repository, { id: manifest.repositoryId });
  const namespace = repository && (await manager.findOneBy(Account, { id: repository.namespaceId }));
  if (!namespace) return undefined;
  const { digest, mediaType, body } = manifest;
  return {
    ...{ manifestId, digest, mediaType, body },
    repository: { id: repository.id, namespace: namespace.name, name: repository.name },
    isSparse: await isSparse(manager, manifestId),
  };
}

/** Whoever changes the report of a manifest holds this lock; false when the manifest is gone. */
export async function lockLiveManifest(manager: EntityManager, manifestId: number): Promise<boolean> {
  const manifest = await manager.findOne(Manifest, {
    select: { id: true, deletedAtMs: true },
    where: { id: manifestId },
    lock: { mode: 'pessimistic_write' },
  });
  return manifest !== null && manifest.deletedAtMs === null;
}

/** The report's row without its document. */
export type ReportHead = Omit<IndexReportRow, 'document'> & { hasDocument: boolean };

export async function findReportHead(
  manager: EntityManager,
  manifestId: number,
): Promise<ReportHead | undefined> {
  const row = await manager.findOne(IndexReportRow, {
    select: {
      id: true,
      manifestId: true,
      status: true,
      indexerState: true,
      error: true,
      failures: true,
      announcedAtMs: true,
      indexedAtMs: true,
    },
    where: { manifestId },
  });
  // A document is only ever written together with its time.
  return row ? { ...row, hasDocument: row.indexedAtMs !== null } : undefined;
}

/** Live tags of a manifest, its own and those of indexes that name it, in ASCII order. */
export async function tagsOfManifest(
  manager: EntityManager,
  manifestId: number,
  { nowMs, limit }: { nowMs: number; limit: number },
): Promise<string[]> {
  const rows = await manager.query<{ name: string }[]>(
    `WITH RECURSIVE holder (id) AS (
       SELECT CAST(? AS UNSIGNED) UNION SELECT c.parent_id FROM manifest_child c JOIN holder h ON c.child_id = h.id)
     SELECT DISTINCT t.name FROM holder h JOIN tag t ON t.manifest_id = h.id
      WHERE t.is_current = 1 AND (t.lifetime_end_ms IS NULL OR t.lifetime_end_ms > ?) ORDER BY t.name LIMIT ?`,
    [manifestId, nowMs, limit],
  );
  return rows.map((row) => row.name);
}

export async function findLayers(
  manager: EntityManager,
  indexerState: string,
  digests: readonly string[],
): Promise<ScanLayer[]> {
  if (digests.length === 0) return [];
  return manager.findBy(ScanLayer, { indexerState, layerDigest: In([...digests]) });
}

export interface LayerClaim {
  digest: string;
  indexerState: string;
  /** Whoever claims; a repeated claim of the same owner succeeds. */
  owner: string;
  nowMs: number;
  leaseMs: number;
}

/** Takes the lease of a layer that nobody has read and nobody is reading; true when it is the caller's. */
export async function claimLayer(manager: EntityManager, claim: LayerClaim): Promise<boolean> {
  const { digest, indexerState, owner, nowMs, leaseMs } = claim;
  await manager.query(
    `INSERT INTO scan_layer (layer_digest, indexer_state, created_at_ms) VALUES (?, ?, ?)
       ON DUPLICATE KEY UPDATE id = id`,
    [digest, indexerState, nowMs],
  );
  const result = await manager.query<{ affectedRows: number }>(
    `UPDATE scan_layer SET lease_owner = ?, lease_until_ms = ?
      WHERE layer_digest = ? AND indexer_state = ? AND result_key IS NULL AND error IS NULL
        AND (lease_until_ms IS NULL OR lease_until_ms <= ? OR lease_until_ms > ? OR lease_owner = ?)`,
    [owner, nowMs + leaseMs, digest, indexerState, nowMs, latestLeaseEndMs(nowMs, leaseMs), owner],
  );
  return result.affectedRows > 0;
}

export interface AdvisoryKey {
  namespace: string;
  packageName: string;
}

const NAMES_AT_ONCE = 500;

/** What the current operations of all sources say about these packages, as the scanner made it (scanning spec 3.1). */
export async function findAdvisoryDocuments(
  manager: EntityManager,
  keys: readonly AdvisoryKey[],
): Promise<unknown[]> {
  const names = new Map<string, string[]>();
  for (const { namespace, packageName } of keys) {
    names.set(namespace, [...(names.get(namespace) ?? []), packageName]);
  }
  const documents: unknown[] = [];
  for (const [namespace, all] of names) {
    for (let start = 0; start < all.length; start += NAMES_AT_ONCE) {
      const rows = await manager.query<{ document: string }[]>(
        `SELECT a.document FROM advisory a
           JOIN advisory_source s ON s.id = a.source_id AND s.operation = a.operation
          WHERE a.namespace = ? AND a.package_name IN (?) AND a.withdrawn = 0`,
        [namespace, all.slice(start, start + NAMES_AT_ONCE)],
      );
      for (const { document } of rows) documents.push(JSON.parse(document));
    }
  }
  return documents;
}

export interface NewAdvisory extends AdvisoryKey {
  advisoryId: string;
  severity: Severity;
  /** Plain JSON, given back by `findAdvisoryDocuments`. */
  document: object;
}

/** Adds rows of an operation that is not current yet, in one statement. */
export async function insertAdvisories(
  manager: EntityManager,
  target: { sourceId: number; operation: string },
  rows: readonly NewAdvisory[],
): Promise<void> {
  if (rows.length === 0) return;
  await manager.query(
    `INSERT INTO advisory (source_id, operation, namespace, package_name, advisory_id, severity, document) VALUES ?`,
    [
      rows.map((row) => [
        ...[target.sourceId, target.operation, row.namespace, row.packageName, row.advisoryId, row.severity],
        JSON.stringify(row.document),
      ]),
    ],
  );
}

/** Deletes at most `limit` rows of a source that are not of the operation; how many there were. */
export async function deleteOtherOperations(
  manager: EntityManager,
  { sourceId, operation, limit }: { sourceId: number; operation: string; limit: number },
): Promise<number> {
  const result = await manager.query<{ affectedRows: number }>(
    `DELETE FROM advisory WHERE source_id = ? AND operation <> ? LIMIT ?`,
    [sourceId, operation, limit],
  );
  return result.affectedRows;
}
