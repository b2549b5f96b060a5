import type { EntityManager } from 'typeorm';

import type { LinkedBlob } from '../../db/stores/blobs';
import { lockLinkedBlobs } from '../../db/stores/blobs';
import type { ManifestHead } from '../../db/stores/manifests';
import { findManifests } from '../../db/stores/manifests';
import type { Descriptor, ParsedManifest } from '../../model/manifests';
import { ActError } from '../act-error';

export interface References {
  /** Config first, then layers, as the manifest names them: a layer may occur twice. */
  blobs: LinkedBlob[];
  /** Each child once. */
  childIds: number[];
}

/** Finds what a manifest names in its repository and locks the blobs; refuses when something is missing or of another size. */
export async function checkReferences(
  manager: EntityManager,
  repositoryId: number,
  manifest: ParsedManifest,
): Promise<References> {
  const named = manifest.config ? [manifest.config, ...manifest.layers] : [];
  const linked = await lockLinkedBlobs(manager, repositoryId, digestsOf(named));
  const children = await findManifests(manager, repositoryId, digestsOf(manifest.children));
  match(manifest.children, children, 'manifest');
  return {
    blobs: match(named, linked, 'blob'),
    childIds: children.map((child) => child.id).sort((a, b) => a - b),
  };
}

function match<T extends LinkedBlob | ManifestHead>(
  named: readonly Descriptor[],
  found: readonly T[],
  noun: string,
): T[] {
  const byDigest = new Map(found.map((row) => [row.digest, row]));
  return named.map(({ digest, size }) => {
    const row = byDigest.get(digest);
    if (!row) {
      throw new ActError('invalid', `${noun} "${digest}" is not in this repository: push it first`, 'blob');
    }
    if (row.sizeBytes !== size) {
      throw new ActError(
        'invalid',
        `${noun} "${digest}" has ${row.sizeBytes} bytes, the manifest says ${size}`,
        'manifest',
      );
    }
    return row;
  });
}

function digestsOf(descriptors: readonly Descriptor[]): string[] {
  return [...new Set(descriptors.map((descriptor) => descriptor.digest))];
}
