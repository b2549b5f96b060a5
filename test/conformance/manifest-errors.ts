import { randomBytes } from 'node:crypto';

import { MANIFEST_TYPES } from '../../model/media-types';
import { pushBlob } from './blob-pushes';
import { DataSet, digestOf } from './data-set';
import type { Place } from './place';

/** What is no manifest, or not the one that was announced (registry spec 15.2, 15.5). */
export function describeManifestErrors(place: () => Place): void {
  const headers = { 'content-type': MANIFEST_TYPES.ociImage };

  describe('manifests', () => {
    it('that nobody pushed are unknown, by tag and by digest', async () => {
      const { one } = place();
      const references = [`missing-${randomBytes(8).toString('hex')}`, digestOf('sha256', randomBytes(1024))];
      for (const reference of references) {
        await one.client.expect(404, 'HEAD', one.manifest(reference));
        await one.refuse(404, 'MANIFEST_UNKNOWN', ['GET', one.manifest(reference)]);
        await one.refuse(404, 'MANIFEST_UNKNOWN', ['DELETE', one.manifest(reference)]);
      }
    });

    it('are refused under a digest that is none', async () => {
      const { one } = place();
      const set = new DataSet();
      set.image();
      for (const [digest, bytes] of set.blobs) await pushBlob(one, { digest, bytes });
      for (const reference of ['sha256:baddigeststring', `md5:${'0'.repeat(32)}`, 'sha512:00']) {
        const location = one.manifest(reference);
        await one.refuse(400, 'DIGEST_INVALID', [
          'PUT',
          location,
          { headers, body: set.manifests[0]?.bytes },
        ]);
        await one.refuse(400, 'DIGEST_INVALID', ['GET', location]);
      }
    });

    it('are refused under the digest of other bytes, and not kept', async () => {
      const { one } = place();
      for (const algorithm of ['sha256', 'sha512'] as const) {
        const set = new DataSet(algorithm);
        const { digest } = set.image();
        for (const [blob, bytes] of set.blobs) await pushBlob(one, { digest: blob, bytes });
        const body = Buffer.concat([set.manifests[0]?.bytes ?? Buffer.alloc(0), Buffer.from('  ')]);
        const parts = { headers, body, isStreamed: true };
        await one.refuse(400, 'DIGEST_INVALID', ['PUT', one.manifest(digest), parts]);
        await one.client.expect(404, 'HEAD', one.manifest(digest));
        await one.client.expect(404, 'HEAD', one.manifest(digestOf(algorithm, body)));
      }
    });

    it('are refused when they are nothing that a registry knows', async () => {
      const { one } = place();
      const location = one.manifest('no-manifest');
      const cases: readonly (readonly [status: number, type: string, body: string])[] = [
        [400, MANIFEST_TYPES.ociImage, '{'],
        [400, MANIFEST_TYPES.ociIndex, '{"schemaVersion":2}'],
        [400, MANIFEST_TYPES.ociImage, ''],
        [415, 'application/vnd.example+json', '{"schemaVersion":2}'],
      ];
      for (const [status, type, text] of cases) {
        const parts = { headers: { 'content-type': type }, body: Buffer.from(text) };
        await one.refuse(status, 'MANIFEST_INVALID', ['PUT', location, parts]);
      }
      await one.client.expect(404, 'HEAD', location);
    });
  });
}
