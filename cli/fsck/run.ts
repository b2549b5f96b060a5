import type { DataSource } from 'typeorm';

import type { TagName } from '../../db/stores/integrity';
import type { Storage } from '../../storage/driver';
import type { Finding, FindingKind } from './findings';

export interface FsckOptions {
  dataSource: DataSource;
  storage: Pick<Storage, 'blobSize' | 'readBlob' | 'listFiles'>;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Also reads every blob and compares its digest. */
  isDeep: boolean;
  /** Files that changed less long ago than this may belong to work under way. */
  minAgeMs: number;
  /** How long a file that nothing explains is left alone before it is judged. */
  settleMs: number;
  /** Rows, and files, in memory at a time. */
  pageSize: number;
  report: (finding: Finding) => void;
}

/** How far it got, and in the end the outcome. */
export interface FsckCounts {
  tags: number;
  manifests: number;
  /** Of them; readers do not see them any more. */
  deletedManifests: number;
  blobs: number;
  blobBytes: number;
  /** Read and compared with their digests. */
  hashedBytes: number;
  /** Named by no manifest and held for no push: no fault. */
  unreferencedBlobs: number;
  /** About to be deleted, so their bytes are not looked for. */
  deletingBlobs: number;
  files: number;
  /** Without a row, but younger than what counts as an orphan. */
  youngFiles: number;
  /** Build logs and results of scans: counted only. */
  objects: number;
  findings: Record<FindingKind, number>;
}

export interface FsckRun extends FsckOptions {
  counts: FsckCounts;
}

export function noCounts(): FsckCounts {
  return {
    tags: 0,
    manifests: 0,
    deletedManifests: 0,
    blobs: 0,
    blobBytes: 0,
    hashedBytes: 0,
    unreferencedBlobs: 0,
    deletingBlobs: 0,
    files: 0,
    youngFiles: 0,
    objects: 0,
    findings: { missing: 0, corrupt: 0, orphaned: 0, unreadable: 0 },
  };
}

export function reportFinding({ counts, report }: FsckRun, finding: Finding): void {
  counts.findings[finding.kind] += 1;
  report(finding);
}

/** `more` stands for what a look at all of them would add. */
export function tagNames(tags: readonly TagName[], shown: number): string[] {
  const names = tags.map(({ namespace, repository, tag }) => `${namespace}/${repository}:${tag}`);
  return names.length > shown ? [...names.slice(0, shown), 'more'] : names;
}

export function repositoryName(row: {
  repositoryId: number;
  namespace: string | null;
  repository: string | null;
}): string {
  return row.namespace === null || row.repository === null
    ? `(repository ${row.repositoryId} without a row)`
    : `${row.namespace}/${row.repository}`;
}

/** Reads pages of rows until one is not full. */
export async function* pagesOf<Row extends { id: number }>(
  limit: number,
  read: (page: { afterId: number; limit: number }) => Promise<Row[]>,
): AsyncGenerator<Row[]> {
  let afterId = 0;
  for (;;) {
    const rows = await read({ afterId, limit });
    if (rows.length > 0) yield rows;
    if (rows.length < limit) return;
    afterId = rows.at(-1)?.id ?? afterId;
  }
}
