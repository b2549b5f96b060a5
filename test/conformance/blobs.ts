import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import type { DigestAlgorithm } from '../../model/digests';
import { acceptBlob } from './accept-blob';
import type { BlobContent, BlobPush } from './blob-pushes';
import { BLOB_PUSHES, DISTURBED_PUSHES } from './blob-pushes';
import { digestOf } from './data-set';
import { describeMounts } from './mounts';
import type { Place, RandomBlob } from './place';
import { describeRanges } from './ranges';

/** Three chunks of 1,024 bytes, the last one short. */
const CHUNKED_BYTES = 3 * 1024 - 5;

/** Everything about blobs of one digest algorithm (registry spec 15.3). */
export function describeBlobs(place: () => Place, algorithm: DigestAlgorithm): void {
  const random = (sizeBytes: number) => blobOf(algorithm, randomBytes(sizeBytes));

  describe(`blobs of ${algorithm}`, () => {
    it('are not there before they are pushed', async () => {
      const { one } = place();
      const { digest } = random(512);
      await one.client.expect(404, 'HEAD', one.blob(digest));
      await one.refuse(404, 'BLOB_UNKNOWN', ['GET', one.blob(digest)]);
    });

    for (const way of BLOB_PUSHES) describePush(place, random, way);
    for (const { name, push } of DISTURBED_PUSHES) {
      it(`are pushed ${name}, among chunks out of order`, async () => {
        const { one } = place();
        const blob = random(CHUNKED_BYTES);
        await acceptBlob(one, blob, await push(one, blob));
      });
    }
    for (const text of ['', '{}']) {
      it(`that are "${text}" are like all others`, async () => {
        const { one } = place();
        const blob = blobOf(algorithm, Buffer.from(text));
        for (const { push } of BLOB_PUSHES) await acceptBlob(one, blob, await push(one, blob));
      });
    }
    describeMounts(place, random);
    describeRanges(place, random);
  });
}

function describePush(place: () => Place, random: RandomBlob, { name, push }: BlobPush): void {
  for (const sizeBytes of [512, CHUNKED_BYTES]) {
    it(`are pushed ${name}, of ${sizeBytes} bytes`, async () => {
      const { one } = place();
      const blob = random(sizeBytes);
      await acceptBlob(one, blob, await push(one, blob));
    });
  }

  it(`are refused ${name} when the digest is another one`, async () => {
    const { one } = place();
    const blob = random(CHUNKED_BYTES);
    const answer = await push(one, { ...blob, bytes: Buffer.concat([blob.bytes, Buffer.from('oh no')]) });
    assert.equal(answer.status, 400);
    await one.client.expect(404, 'HEAD', one.blob(blob.digest));
  });
}

function blobOf(algorithm: DigestAlgorithm, bytes: Buffer): BlobContent {
  return { digest: digestOf(algorithm, bytes), bytes };
}
