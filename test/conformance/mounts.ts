import assert from 'node:assert/strict';

import { acceptBlob } from './accept-blob';
import { pushBlob } from './blob-pushes';
import type { Answer } from './client';
import { locationOf, withParameters } from './expectations';
import type { Place, RandomBlob } from './place';
import type { ClientRepository } from './repository';

/** Mounts with and without a source, and uploads that are given up (registry spec 15.3). */
export function describeMounts(place: () => Place, random: RandomBlob): void {
  for (const isAnonymous of [false, true]) {
    it(`are mounted from ${isAnonymous ? 'wherever they are' : 'another repository'}`, async () => {
      const { one, two } = place();
      const blob = random(512);
      await pushBlob(two, blob);
      const answer = await mount(one, blob.digest, isAnonymous ? undefined : two.name);
      await acceptBlob(one, blob, answer);
      await two.remove(two.blob(blob.digest));
    });
  }

  it('that nobody has cannot be mounted, but uploaded in the session that comes instead', async () => {
    const { one, two } = place();
    for (const from of [two.name, undefined]) {
      const blob = random(512);
      const answer = await mount(one, blob.digest, from);
      assert.equal(answer.status, 202);
      const location = withParameters(locationOf(answer), [['digest', blob.digest]]);
      await acceptBlob(one, blob, await one.client.send('PUT', location, { body: blob.bytes }));
    }
  });

  it('can be given up before they are complete', async () => {
    const { one } = place();
    const location = locationOf(await one.client.expect(202, 'POST', one.uploads));
    await one.client.expect(204, 'DELETE', location);
    await one.refuse(404, 'BLOB_UPLOAD_UNKNOWN', ['GET', location]);
  });
}

function mount({ client, uploads }: ClientRepository, digest: string, from?: string): Promise<Answer> {
  const source: [string, string][] = from === undefined ? [] : [['from', from]];
  return client.send('POST', withParameters(uploads, [['mount', digest], ...source]));
}
