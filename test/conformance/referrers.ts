import assert from 'node:assert/strict';

import { MANIFEST_TYPES } from '../../model/media-types';
import type { BuiltManifest } from './data-set';
import { jsonOf, withParameters } from './expectations';
import type { ClientRepository } from './repository';

/** Whoever has a subject is listed there, with and without a filter, and nobody else. */
export async function expectReferrers(
  repository: ClientRepository,
  manifests: readonly BuiltManifest[],
  onlyOf?: string,
): Promise<void> {
  const subjects = new Set(manifests.flatMap(({ subject }) => subject ?? []));
  for (const subject of onlyOf === undefined ? subjects : [onlyOf]) {
    const all = manifests.filter((manifest) => manifest.subject === subject);
    const descriptors = all.map(({ asReferrer }) => asReferrer);
    assert.deepEqual(sorted(await referrersOf(repository, subject)), sorted(descriptors));
    const types = new Set(descriptors.flatMap(({ artifactType }) => artifactType ?? []));
    for (const type of [...types, 'application/vnd.example.none'] as string[]) {
      const found = await referrersOf(repository, subject, type);
      assert.deepEqual(
        sorted(found),
        sorted(descriptors.filter(({ artifactType }) => artifactType === type)),
      );
    }
  }
}

/** What is listed for a digest: always an index, however empty. */
export async function referrersOf(
  repository: ClientRepository,
  digest: string,
  artifactType?: string,
): Promise<Record<string, unknown>[]> {
  const filter: [string, string][] = artifactType === undefined ? [] : [['artifactType', artifactType]];
  const location = withParameters(repository.referrers(digest), filter);
  const answer = await repository.client.expect(200, 'GET', location);
  assert.equal(answer.headers['content-type'], MANIFEST_TYPES.ociIndex);
  assert.equal(
    answer.headers['oci-filters-applied'],
    artifactType === undefined ? undefined : 'artifactType',
  );
  const { manifests, ...rest } = jsonOf(answer) as { manifests: Record<string, unknown>[] };
  assert.deepEqual(rest, { schemaVersion: 2, mediaType: MANIFEST_TYPES.ociIndex });
  return manifests;
}

function sorted(descriptors: readonly Record<string, unknown>[]): Record<string, unknown>[] {
  return [...descriptors].sort((one, two) => (String(one.digest) < String(two.digest) ? -1 : 1));
}
