import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { parseChallenge } from './challenge';
import { digestOf } from './data-set';
import type { Place } from './place';
import { referrersOf } from './referrers';
import { ClientRepository } from './repository';

/** Before anything was pushed: what is asked of a registry first, and how it sends clients for a token (registry spec 3, 15.2). */
export function describeFirstContact(place: () => Place): void {
  describe('first contact', () => {
    it('finds the protocol', async () => {
      const { headers } = await place().one.client.expect(200, 'GET', '/v2/');
      assert.equal(headers['docker-distribution-api-version'], 'registry/2.0');
      assert.equal(headers['x-sparse-manifest-support'], 'true');
    });

    it('finds no tags and no referrers in a repository that is not there yet', async () => {
      const { client, name } = place().one;
      const fresh = new ClientRepository(client, `${name}-${randomBytes(5).toString('hex')}`);
      await fresh.refuse(404, 'NAME_UNKNOWN', ['GET', fresh.tags]);
      assert.deepEqual(await referrersOf(fresh, digestOf('sha256', randomBytes(32))), []);
    });

    it('is refused without a token, with one challenge that says what would do', async () => {
      const { one } = place();
      const digest = digestOf('sha256', Buffer.from('anything'));
      const upload = `${one.uploads}${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}`;
      const cases: readonly (readonly [method: string, location: string, actions: string | null])[] = [
        ['GET', '/v2/', null],
        ['GET', '/v2/_catalog', null],
        ...['GET', 'HEAD'].flatMap((method) =>
          [one.manifest('latest'), one.blob(digest), one.tags, one.referrers(digest)].map(
            (location) => [method, location, 'pull'] as const,
          ),
        ),
        ['PUT', one.manifest('latest'), 'pull,push'],
        ['POST', one.uploads, 'pull,push'],
        ...['GET', 'PATCH', 'PUT', 'DELETE'].map((method) => [method, upload, 'pull,push'] as const),
        ['DELETE', one.manifest('latest'), 'pull,push,delete'],
        ['DELETE', one.blob(digest), 'pull,push,delete'],
      ];
      for (const [method, location, actions] of cases) {
        const { status, headers } = await one.client.sendBare(method, location);
        assert.equal(status, 401, `${method} ${location}`);
        const { scope } = parseChallenge(headers['www-authenticate']);
        assert.equal(scope, actions === null ? undefined : `repository:${one.name}:${actions}`);
      }
    });
  });
}
