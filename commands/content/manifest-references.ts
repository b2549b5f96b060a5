import type { EntityManager } from 'typeorm';

import type { LinkedBlob } from '../../db/stores/blobs';
import { lockLinkedBlobs } from '../../db/stores/blobs';
import type { ManifestHead, ManifestLinks } from '../../db/stores/manifests';
import { findManifests } from '../../db/stores/manifests';
import type { Descriptor, ParsedManifest } from '../../model/manifests';
import { ActError } from '../act-error';

export interface References extends ManifestLinks {
  /** Those that garbage collection has in view. */
  candidateIds: number[];
}

/**
 * Finds what a manifest names in its repository and locks the blobs; refuses what is of another size, and what is missing
 * unless sparse content is allowed.
 */
export async function checkReferences(
  manager: EntityManager,
  repositoryId: number,
  { manifest, allowsSparse }: { manifest: ParsedManifest; allowsSparse: boolean },
): Promise<References> {
  const named = manifest.config ? [manifest.config, ...manifest.layers] : [];
  const linked = await lockLinkedBlobs(manager, repositoryId, digestsOf(named));
  const children = await findManifests(manager, repositoryId, digestsOf(manifest.children));
  const blobs = match(named, linked, 'blob');
  const parts = match(manifest.children, children, 'manifest');
  if (!allowsSparse) requireNone(blobs.missing, 'blob');
  if (!allowsSparse) requireNone(parts.missing, 'manifest');
  const missingChildren = new Set(parts.missing.map(({ digest }) => digest));
  return {
    blobs: blobs.found.map(({ row, position }) => ({ blobId: row.id, position })),
    childIds: children.map((child) => child.id).sort((a, b) => a - b),
    missing: [...blobs.missing, ...[...missingChildren].map((digest) => ({ digest, position: null }))],
    candidateIds: linked.filter((blob) => blob.state === 'candidate').map((blob) => blob.id),
  };
}

interface Match<T> {
  found: { row: T; position: number }[];
  missing: { digest: string; position: number }[];
}

/** Positions count as the manifest names things: one may occur twice. */
function match<T extends LinkedBlob | ManifestHead>(
  named: readonly Descriptor[],
  rows: readonly T[],
  noun: string,
): Match<T> {
  const byDigest = new Map(rows.map((row) => [row.digest, row]));
  const result: Match<T> = { found: [], missing: [] };
  for (const [position, { digest, size }] of named.entries()) {
    const row = byDigest.get(digest);
    if (row && row.sizeBytes !== size) {
      throw new ActError(
        'invalid',
        `${noun} "${digest}" has ${row.sizeBytes} bytes, the manifest says ${size}`,
        'manifest',
      );
    }
    if (row) result.found.push({ row, position });
    else result.missing.push({ digest, position });
  }
  return result;
}

function requireNone([first]: Match<unknown>['missing'], noun: string): void {
  if (!first) return;
  throw new ActError('invalid', `${noun} "${first.digest}" is not in this repository: push it first`, 'blob');
}

function digestsOf(descriptors: readonly Descriptor[]): string[] {
  return [...new Set(descriptors.map((descriptor) => descriptor.digest))];
}
