import type { ContentTotals } from '../../db/stores/integrity';
import { FINDING_KINDS } from './findings';
import { findingsIn } from './fsck';
import type { FsckCounts } from './run';

/** What was looked at and what came of it, in lines for people. */
export function describeOutcome(counts: FsckCounts, isDeep: boolean): string[] {
  const { deletedManifests, unreferencedBlobs, deletingBlobs, youngFiles, objects } = counts;
  const asides: [count: number, what: string][] = [
    [deletedManifests, 'of the manifests were deleted: what they name was not looked for'],
    [unreferencedBlobs, 'of the blobs are needed by no manifest and no push'],
    [deletingBlobs, 'of the blobs are about to be deleted: their files were not looked for'],
    [youngFiles, 'of the files have no row but changed too lately to be called orphans'],
    [objects, 'of the files are build logs and results of scans: only counted'],
  ];
  const content = isDeep ? `${sizeText(counts.hashedBytes)} read and compared` : 'contents not read';
  return [
    `${counts.tags} tags, ${counts.manifests} manifests, ${counts.blobs} blobs of ` +
      `${sizeText(counts.blobBytes)} (${content}), ${counts.files} files`,
    ...asides.filter(([count]) => count > 0).map(([count, what]) => `  ${count} ${what}`),
    verdictOf(counts),
  ];
}

function verdictOf(counts: FsckCounts): string {
  const total = findingsIn(counts);
  if (total === 0) return 'clean';
  const byKind = FINDING_KINDS.filter((kind) => counts.findings[kind] > 0).map(
    (kind) => `${counts.findings[kind]} ${kind}`,
  );
  return `${total} ${total === 1 ? 'finding' : 'findings'}: ${byKind.join(', ')}`;
}

/** One line for a terminal while it runs. */
export function describeProgress(counts: FsckCounts, totals: ContentTotals, isDeep: boolean): string {
  const { tags, manifests, blobs, hashedBytes, files } = counts;
  const read = isDeep ? `, ${sizeText(hashedBytes)} of ${sizeText(totals.blobBytes)} read` : '';
  return (
    `tags ${tags}/${totals.tags}, manifests ${manifests}/${totals.manifests}, ` +
    `blobs ${blobs}/${totals.blobs}${read}, files ${files}`
  );
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function sizeText(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`;
}
