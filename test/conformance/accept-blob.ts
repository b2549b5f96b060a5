import assert from 'node:assert/strict';

import type { BlobContent } from './blob-pushes';
import type { Answer } from './client';
import { expectContent, expectDigest, expectHead, locationOf } from './expectations';
import type { ClientRepository } from './repository';

/** A blob was taken: it is where the answer says, can be read, and is gone as soon as it is deleted. */
export async function acceptBlob(
  repository: ClientRepository,
  blob: BlobContent,
  answer: Answer,
): Promise<void> {
  assert.equal(answer.status, 201, answer.body.toString('utf8'));
  expectDigest(answer, blob.digest);
  const { client } = repository;
  const content = { ...blob, mediaType: 'application/octet-stream' };
  expectContent(await client.expect(200, 'GET', locationOf(answer)), content);
  const head = await client.expect(200, 'HEAD', repository.blob(blob.digest));
  expectHead(head, content);
  assert.equal(head.body.length, 0);
  await repository.remove(repository.blob(blob.digest));
}
