import { createHash } from 'node:crypto';

import { Blob } from '../../db/entities/content';
import { repositoriesWithBlob } from '../../db/stores/blobs';
import type { BlobToCheck } from '../../db/stores/integrity';
import { blobPage, tagsLeadingTo } from '../../db/stores/integrity';
import { parseDigest } from '../../model/digests';
import { readThrough } from '../../storage/driver';
import { reasonOf } from '../database';
import type { FindingKind } from './findings';
import type { FsckRun } from './run';
import { pagesOf, reportFinding, tagNames } from './run';

const LOOKS_AT_ONCE = 16;
/** One thread hashes; a few reads keep it busy. */
const HASHES_AT_ONCE = 4;
const SHOWN = 5;

type StoredRow = Pick<Blob, 'id' | 'digest' | 'sizeBytes' | 'storageKey'>;

interface BlobFault {
  kind: FindingKind;
  problem: string;
}

/** Every blob of the database has its bytes in storage. */
export async function checkBlobs(run: FsckRun): Promise<void> {
  const { manager } = run.dataSource;
  const atOnce = run.isDeep ? HASHES_AT_ONCE : LOOKS_AT_ONCE;
  const pages = pagesOf(run.pageSize, (page) => blobPage(manager, { ...page, nowMs: run.now() }));
  for await (const blobs of pages) await forEach(blobs, atOnce, (blob) => checkBlob(run, blob));
}

async function forEach<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const takeTurns = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, takeTurns));
}

async function checkBlob(run: FsckRun, blob: BlobToCheck): Promise<void> {
  const { counts } = run;
  counts.blobs += 1;
  if (!blob.isReferenced) counts.unreferencedBlobs += 1;
  if (blob.state === 'deleting') counts.deletingBlobs += 1;
  else {
    counts.blobBytes += blob.sizeBytes;
    await judge(run, blob);
  }
}

/**
 * Bytes are there before their row is, and go after it says so. So a fault counts when the row, read again after it was
 * seen, still wants these very bytes; one that a push has pointed at another copy is judged by that.
 */
async function judge(run: FsckRun, blob: StoredRow): Promise<void> {
  const fault = await faultOf(run, blob);
  if (!fault) return;
  const now = await run.dataSource.manager.findOneBy(Blob, { id: blob.id });
  if (!now || now.state === 'deleting') return;
  if (now.storageKey !== blob.storageKey) return judge(run, now);
  const { digest, storageKey } = blob;
  reportFinding(run, {
    ...fault,
    subject: 'blob',
    digest,
    file: storageKey,
    neededBy: await needers(run, blob),
  });
}

async function faultOf(run: FsckRun, blob: StoredRow): Promise<BlobFault | undefined> {
  try {
    const size = await run.storage.blobSize(blob.storageKey);
    if (size === undefined) return { kind: 'missing', problem: 'its file is not in storage' };
    if (size !== blob.sizeBytes) {
      return { kind: 'corrupt', problem: `its file has ${size} bytes, not ${blob.sizeBytes}` };
    }
    return run.isDeep ? await contentFault(run, blob) : undefined;
  } catch (error) {
    // A bad sector under one file must not keep the others from being looked at.
    return { kind: 'unreadable', problem: `its file cannot be read: ${reasonOf(error)}` };
  }
}

async function contentFault(
  { storage, counts }: FsckRun,
  { digest, storageKey }: StoredRow,
): Promise<BlobFault | undefined> {
  const algorithm = parseDigest(digest)?.algorithm;
  if (!algorithm) return { kind: 'corrupt', problem: 'its digest cannot be read' };
  const hash = createHash(algorithm);
  await readThrough(await storage.readBlob(storageKey), (chunk) => {
    hash.update(chunk);
    counts.hashedBytes += chunk.length;
  });
  const actual = `${algorithm}:${hash.digest('hex')}`;
  return actual === digest ? undefined : { kind: 'corrupt', problem: `its file has the digest ${actual}` };
}

async function needers(run: FsckRun, { id, digest }: StoredRow): Promise<string[]> {
  const { manager } = run.dataSource;
  const tags = await tagsLeadingTo(manager, { kind: 'blob', id }, { limit: SHOWN + 1, nowMs: run.now() });
  if (tags.length > 0) return tagNames(tags, SHOWN);
  const homes = await repositoriesWithBlob(manager, digest, SHOWN);
  return homes.map(({ namespace, name }) => `${namespace}/${name}`);
}
