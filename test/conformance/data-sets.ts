import assert from 'node:assert/strict';

import { pushBlob } from './blob-pushes';
import type { Answer, ConformanceClient } from './client';
import type { DataKind } from './data-kinds';
import { DATA_KINDS } from './data-kinds';
import type { BuiltManifest, DataSet } from './data-set';
import { expectContent, expectDigest, expectHead, jsonOf, locationOf, withParameters } from './expectations';
import type { Place } from './place';
import { expectReferrers } from './referrers';
import type { ClientRepository } from './repository';

/** Every kind of content through every address: pushed, listed, read, asked for its referrers, deleted (registry spec 15.2). */
export function describeDataSets(place: () => Place): void {
  describe('content', () => {
    for (const kind of DATA_KINDS) {
      it(`like ${kind.name} is kept and given back as it is`, async () => {
        const { one } = place();
        const set = kind.build();
        await push(one, set, kind);
        await list(one, [...set.tags.keys()]);
        await read(one, set);
        await expectReferrers(one, set.manifests);
        await remove(one, set);
      });
    }
  });
}

async function push(repository: ClientRepository, set: DataSet, kind: DataKind): Promise<void> {
  for (const [turn, [digest, bytes]] of [...set.blobs].entries()) {
    await pushBlob(repository, { digest, bytes }, turn);
  }
  for (const manifest of set.manifests) {
    const tags = kind.tagsComeWithDigest ? tagsOf(set, manifest) : [];
    const answer = await putManifest(repository, manifest, { reference: manifest.digest, tags });
    const told = String(answer.headers['oci-tag'] ?? '').split(/, */);
    assert.deepEqual(told.filter(Boolean), tags);
  }
  if (kind.tagsComeWithDigest) return;
  for (const manifest of set.manifests) {
    for (const tag of tagsOf(set, manifest)) {
      await putManifest(repository, manifest, { reference: tag, tags: [] });
    }
  }
}

function tagsOf({ tags }: DataSet, { digest }: BuiltManifest): string[] {
  return [...tags.keys()].filter((tag) => tags.get(tag) === digest);
}

/** A push without a length, as some clients send it; what was taken is where the answer says. */
async function putManifest(
  repository: ClientRepository,
  manifest: BuiltManifest,
  { reference, tags }: { reference: string; tags: string[] },
): Promise<Answer> {
  const { client } = repository;
  const { bytes, mediaType, digest, subject } = manifest;
  const parameters = tags.map((tag) => ['tag', tag] as const);
  const location = withParameters(repository.manifest(reference), parameters);
  const headers = { 'content-type': mediaType };
  const answer = await client.expect(201, 'PUT', location, { headers, body: bytes, isStreamed: true });
  expectDigest(answer, digest);
  assert.equal(answer.headers['oci-subject'], subject);
  expectContent(await client.expect(200, 'GET', locationOf(answer)), manifest);
  return answer;
}

/** The tags are listed, in order; behind one of them come only those that follow. */
async function list({ client, tags: location }: ClientRepository, tags: readonly string[]): Promise<void> {
  const listed = tagsIn(await client.expect(200, 'GET', location));
  assert.deepEqual(listed, [...listed].sort());
  for (const tag of tags) assert.ok(listed.includes(tag), `${tag} is not listed`);
  const middle = Math.floor(listed.length / 2);
  const last = listed[middle - 1] ?? '';
  const rest = await client.expect(200, 'GET', withParameters(location, [['last', last]]));
  assert.deepEqual(tagsIn(rest), listed.slice(middle));
  assert.deepEqual(await paged(client, location), listed);
}

/** The whole list in pages of two, each of which says where the next one is. */
async function paged(client: ConformanceClient, location: string): Promise<string[]> {
  const tags: string[] = [];
  let next: string | undefined = withParameters(location, [['n', '2']]);
  while (next !== undefined) {
    const page = await client.expect(200, 'GET', next);
    tags.push(...tagsIn(page));
    next = /^<([^>]+)>; rel="next"$/.exec(String(page.headers.link ?? ''))?.[1];
  }
  return tags;
}

function tagsIn(answer: Answer): string[] {
  return (jsonOf(answer) as { tags: string[] }).tags;
}

async function read(repository: ClientRepository, set: DataSet): Promise<void> {
  const { client } = repository;
  const manifests = set.manifests.flatMap((manifest) =>
    [manifest.digest, ...tagsOf(set, manifest)].map((reference) => ({
      location: repository.manifest(reference),
      content: manifest,
    })),
  );
  const blobs = [...set.blobs].map(([digest, bytes]) => ({
    location: repository.blob(digest),
    content: { digest, bytes, mediaType: 'application/octet-stream' },
  }));
  for (const { location, content } of [...manifests, ...blobs]) {
    const head = await client.expect(200, 'HEAD', location);
    expectHead(head, content);
    assert.equal(head.body.length, 0);
    expectContent(await client.expect(200, 'GET', location), content);
  }
}

/** Tags, then manifests, those that name others first, then blobs: each is gone with the answer. */
async function remove(repository: ClientRepository, set: DataSet): Promise<void> {
  for (const tag of set.tags.keys()) await repository.remove(repository.manifest(tag));
  const left = [...set.manifests];
  for (const manifest of set.manifests.toReversed()) {
    await repository.remove(repository.manifest(manifest.digest));
    left.pop();
    if (manifest.subject !== undefined) await expectReferrers(repository, left, manifest.subject);
  }
  for (const digest of set.blobs.keys()) await repository.remove(repository.blob(digest));
}
