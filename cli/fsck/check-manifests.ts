import { hash } from 'node:crypto';

import type { EntityManager } from 'typeorm';

import { canonicalDigests } from '../../db/stores/blob-digests';
import type { ContentLink, ManifestToCheck } from '../../db/stores/integrity';
import {
  blobLinks,
  childLinks,
  knownDigests,
  manifestsToCheck,
  manifestSizePage,
  missingParts,
  tagsLeadingTo,
} from '../../db/stores/integrity';
import { findManifests } from '../../db/stores/manifests';
import { parseDigest } from '../../model/digests';
import { parseManifest } from '../../model/manifests';
import type { Reference, ReferenceFault } from './check-references';
import { referenceFault } from './check-references';
import type { ManifestFinding } from './findings';
import type { FsckRun } from './run';
import { pagesOf, reportFinding, repositoryName, tagNames } from './run';

/** Bodies in memory at a time, unless a single one is larger. */
const BATCH_BYTES = 8 * 1024 ** 2;
const SHOWN_TAGS = 5;

type ManifestFault = Pick<ManifestFinding, 'kind' | 'problem' | 'names'>;

/** Every manifest is the bytes that its digest says, and what it names is there. */
export async function checkManifests(run: FsckRun): Promise<void> {
  const { manager } = run.dataSource;
  for await (const sizes of pagesOf(run.pageSize, (page) => manifestSizePage(manager, page))) {
    for (const ids of batchesOf(sizes)) await checkBatch(run, ids);
  }
}

/** Ids in their order, cut where the bodies together would be too large. */
export function* batchesOf(
  sizes: readonly { id: number; sizeBytes: number }[],
  limitBytes = BATCH_BYTES,
): Generator<number[]> {
  let batch: number[] = [];
  let batchBytes = 0;
  for (const { id, sizeBytes } of sizes) {
    if (batch.length > 0 && batchBytes + sizeBytes > limitBytes) {
      yield batch;
      [batch, batchBytes] = [[], 0];
    }
    batch.push(id);
    batchBytes += sizeBytes;
  }
  if (batch.length > 0) yield batch;
}

async function checkBatch(run: FsckRun, ids: number[]): Promise<void> {
  // One snapshot: it has everything that a push or a delete has written, or nothing of it.
  const judged = await run.dataSource.transaction('REPEATABLE READ', (manager) => judge(manager, ids));
  for (const { manifest, faults } of judged) {
    run.counts.manifests += 1;
    if (manifest.deletedAtMs !== null) run.counts.deletedManifests += 1;
    for (const fault of faults) await tell(run, manifest, fault);
  }
}

async function tell(run: FsckRun, manifest: ManifestToCheck, fault: ManifestFault): Promise<void> {
  const limits = { limit: SHOWN_TAGS + 1, nowMs: run.now() };
  const what = { kind: 'manifest' as const, id: manifest.id };
  const tags = await tagsLeadingTo(run.dataSource.manager, what, limits);
  reportFinding(run, {
    ...fault,
    subject: 'manifest',
    repository: repositoryName(manifest),
    digest: manifest.digest,
    neededBy: tagNames(tags, SHOWN_TAGS),
  });
}

interface Judged {
  manifest: ManifestToCheck;
  faults: ManifestFault[];
}

async function judge(manager: EntityManager, ids: readonly number[]): Promise<Judged[]> {
  const manifests = await manifestsToCheck(manager, ids);
  const blobs = byManifest(await blobLinks(manager, ids));
  const children = byManifest(await childLinks(manager, ids));
  const missing = byManifest(await missingParts(manager, ids));
  const judged: Judged[] = [];
  for (const manifest of manifests) {
    const { id, deletedAtMs } = manifest;
    const corruption = contentFault(manifest);
    if (corruption) judged.push({ manifest, faults: [corruption] });
    // Nobody can read it; what it names may be collected before it.
    else if (deletedAtMs !== null) judged.push({ manifest, faults: [] });
    else {
      const links = { blob: blobs.get(id) ?? [], manifest: children.get(id) ?? [] };
      const sparse = new Set(missing.get(id)?.map(({ digest }) => digest));
      judged.push({ manifest, faults: await referenceFaults(manager, manifest, { links, sparse }) });
    }
  }
  return judged;
}

/** Undefined for a body that has its digest. */
export function contentFault({
  body,
  digest,
  sizeBytes,
}: Pick<ManifestToCheck, 'body' | 'digest' | 'sizeBytes'>): ManifestFault | undefined {
  const algorithm = parseDigest(digest)?.algorithm;
  if (!algorithm) return { kind: 'corrupt', problem: 'its digest cannot be read' };
  const actual = `${algorithm}:${hash(algorithm, body)}`;
  if (actual !== digest) return { kind: 'corrupt', problem: `its body has the digest ${actual}` };
  if (body.length === sizeBytes) return undefined;
  return { kind: 'corrupt', problem: `its body has ${body.length} bytes, its row says ${sizeBytes}` };
}

interface Parts {
  links: Record<Reference['noun'], ContentLink[]>;
  /** Digests that the manifest was allowed to name without their being there. */
  sparse: ReadonlySet<string>;
}

async function referenceFaults(
  manager: EntityManager,
  manifest: ManifestToCheck,
  { links, sparse }: Parts,
): Promise<ManifestFault[]> {
  const parsed = parseManifest(manifest.mediaType, manifest.body.toString('utf8'));
  // A format that is only kept: what it names is known by its links alone.
  if (!parsed.ok) return [...links.blob, ...links.manifest].filter(isLost).map(() => LOST);
  const { config, layers, children } = parsed.manifest;
  const needed = ({ digest }: Reference) => !sparse.has(digest);
  const blobs = onceEach('blob', config ? [config, ...layers] : layers).filter(needed);
  const parts = onceEach('manifest', children).filter(needed);
  return [
    ...(await faultsOf(manager, manifest, links.blob, await asStored(manager, blobs))),
    ...(await faultsOf(manager, manifest, links.manifest, parts)),
  ];
}

const LOST: ManifestFault = { kind: 'missing', problem: 'something that it is linked to has no row' };

function isLost({ digest }: ContentLink): boolean {
  return digest === null;
}

async function faultsOf(
  manager: EntityManager,
  manifest: ManifestToCheck,
  links: readonly ContentLink[],
  references: readonly Reference[],
): Promise<ReferenceFault[]> {
  const linked = new Map(links.map((link) => [link.digest, link]));
  const unlinked = references.filter(({ digest }) => !linked.has(digest));
  const known = await knownAmong(manager, manifest.repositoryId, unlinked);
  return references.flatMap(
    (reference) => referenceFault(reference, linked.get(reference.digest), known.has(reference.digest)) ?? [],
  );
}

async function knownAmong(
  manager: EntityManager,
  repositoryId: number,
  references: readonly Reference[],
): Promise<Set<string>> {
  const digestsOf = (noun: Reference['noun']) =>
    references.filter((reference) => reference.noun === noun).map(({ digest }) => digest);
  const blobs = await knownDigests(manager, digestsOf('blob'));
  const manifests = await findManifests(manager, repositoryId, digestsOf('manifest'));
  return new Set([...blobs, ...manifests.map(({ digest }) => digest)]);
}

/** Blobs by the digests that they are stored by, where the manifest calls them by others. */
async function asStored(manager: EntityManager, references: readonly Reference[]): Promise<Reference[]> {
  const digests = references.map(({ digest }) => digest);
  const stored = await canonicalDigests(manager, digests);
  return references.map((reference) => ({
    ...reference,
    digest: stored.get(reference.digest) ?? reference.digest,
  }));
}

/** A layer may occur several times; it is missing once. */
function onceEach(
  noun: Reference['noun'],
  descriptors: readonly { digest: string; size: number }[],
): Reference[] {
  const byDigest = new Map(descriptors.map(({ digest, size }) => [digest, { noun, digest, size }]));
  return [...byDigest.values()];
}

function byManifest<T extends { manifestId: number }>(links: readonly T[]): Map<number, T[]> {
  const grouped = new Map<number, T[]>();
  for (const link of links) {
    const others = grouped.get(link.manifestId);
    if (others) others.push(link);
    else grouped.set(link.manifestId, [link]);
  }
  return grouped;
}
