import { strict as assert } from 'node:assert';
import { mock } from 'node:test';

import type { Pool } from 'mysql2';

import { Account } from '../../db/entities/accounts';
import type { BuiltUser } from '../support/factories';
import { buildOrganization, buildRepository, buildUser, grant, uniqueName } from '../support/factories';
import { OCI_INDEX, OCI_MANIFEST, buildImage, pushImage, putManifest } from '../support/images';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, codesOf, sha256 } from '../support/registry-client';

type Answered = (error: unknown, rows: unknown, fields: unknown) => void;

describe('listings', () => {
  let registry: TestRegistry;
  let owner: BuiltUser;
  let client: RegistryClient;
  let repository: string;

  before(async () => {
    registry = await startRegistry();
    owner = await buildUser(registry.dataSource, { password: 'secret' });
    client = new RegistryClient(registry.url, { username: owner.account.name, password: 'secret' });
  });
  beforeEach(() => {
    repository = `${owner.account.name}/${uniqueName('app')}`;
  });
  after(() => registry.close());

  interface Tags {
    name: string;
    tags: string[];
  }
  interface Index {
    schemaVersion: number;
    mediaType: string;
    manifests: {
      digest: string;
      artifactType?: string;
      annotations?: Record<string, string>;
      size: number;
    }[];
  }

  async function listed<T>(path: string): Promise<[T, string | null]> {
    const response = await client.expect(200, 'GET', path);
    const next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
    return [(await response.json()) as T, next ?? null];
  }

  describe('of tags', () => {
    it('are in ASCII order, complete and cut into pages', async () => {
      const image = buildImage();
      await pushImage(client, repository, image);
      const names = ['b', 'a', 'B', 'A', '_', '0', 'a.1', 'a-1', 'latest', 'v10', 'v9'];
      await putManifest(client, repository, image.body, `${image.digest}?tag=${names.join(',')}`);
      const path = `/v2/${repository}/tags/list`;
      const sorted = [...names].sort();
      assert.deepEqual(await listed<Tags>(path), [{ name: repository, tags: sorted }, null]);
      const pages: string[][] = [];
      let next: string | null = `${path}?n=4`;
      while (next !== null) {
        const [page, following]: [Tags, string | null] = await listed<Tags>(next);
        pages.push(page.tags);
        next = following;
      }
      assert.deepEqual(pages, [sorted.slice(0, 4), sorted.slice(4, 8), sorted.slice(8)]);
      const [behind] = await listed<Tags>(`${path}?last=aa`);
      assert.deepEqual(behind.tags, ['b', 'latest', 'v10', 'v9']);
      assert.deepEqual(await listed<Tags>(`${path}?n=0`), [{ name: repository, tags: [] }, null]);
      await client.expect(202, 'DELETE', `/v2/${repository}/manifests/latest`);
      assert.ok(!(await listed<Tags>(path))[0].tags.includes('latest'));
    });

    it('are empty for a repository without tags, and unknown for one that is not there', async () => {
      await client.pushBlob(repository, 'x');
      assert.deepEqual((await listed<Tags>(`/v2/${repository}/tags/list`))[0].tags, []);
      const missing = await client.call('GET', `/v2/${repository}-missing/tags/list`);
      assert.deepEqual([missing.status, await codesOf(missing)], [404, ['NAME_UNKNOWN']]);
    });

    it('refuse an n that is no number', async () => {
      await client.pushBlob(repository, 'x');
      for (const n of ['-1', 'ten', '1.5']) {
        await client.expect(400, 'GET', `/v2/${repository}/tags/list?n=${n}`);
      }
    });
  });

  describe('of referrers', () => {
    const path = (digest: string) => `/v2/${repository}/referrers/${digest}`;

    it('are empty, never unknown, for a digest or a repository that is not there', async () => {
      const response = await client.expect(200, 'GET', path(sha256('random')));
      assert.equal(response.headers.get('content-type'), OCI_INDEX);
      assert.deepEqual(await response.json(), { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
      await client.pushBlob(repository, 'x');
      assert.deepEqual((await listed<Index>(path(sha256('random'))))[0].manifests, []);
      const malformed = await client.call('GET', path('sha256:short'));
      assert.deepEqual([malformed.status, await codesOf(malformed)], [400, ['DIGEST_INVALID']]);
    });

    it('describe every manifest with the subject, also one that is pushed before it', async () => {
      const image = buildImage();
      const subject = { mediaType: OCI_MANIFEST, digest: image.digest, size: image.body.length };
      const signature = buildImage({
        subject,
        artifactType: 'application/vnd.test.signature',
        layers: ['s'],
      });
      const plain = buildImage({ subject, annotations: { kind: 'by config' }, layers: ['p'] });
      const pushed = await pushImage(client, repository, signature);
      assert.equal(pushed.headers.get('oci-subject'), image.digest);
      await pushImage(client, repository, plain);
      await pushImage(client, repository, image, 'v1');
      const [index] = await listed<Index>(path(image.digest));
      assert.deepEqual(index.manifests, [
        {
          mediaType: OCI_MANIFEST,
          digest: signature.digest,
          size: signature.body.length,
          artifactType: 'application/vnd.test.signature',
        },
        {
          mediaType: OCI_MANIFEST,
          digest: plain.digest,
          size: plain.body.length,
          artifactType: 'application/vnd.oci.image.config.v1+json',
          annotations: { kind: 'by config' },
        },
      ]);
      const filtered = await client.expect(
        200,
        'GET',
        `${path(image.digest)}?artifactType=application/vnd.test.signature`,
      );
      assert.equal(filtered.headers.get('oci-filters-applied'), 'artifactType');
      assert.equal(((await filtered.json()) as Index).manifests.length, 1);
      await client.expect(202, 'DELETE', `/v2/${repository}/manifests/${signature.digest}`);
      assert.equal((await listed<Index>(path(image.digest)))[0].manifests.length, 1);
    });

    it('do not take more of large manifests into memory at once than a page may have', async () => {
      const image = buildImage();
      const subject = { mediaType: OCI_MANIFEST, digest: image.digest, size: image.body.length };
      await pushImage(client, repository, image, 'v1');
      for (let n = 0; n < 6; n += 1) {
        const json = {
          ...(JSON.parse(buildImage({ subject }).body) as object),
          n,
          padding: 'x'.repeat(1_500_000),
        };
        const body = JSON.stringify(json);
        assert.equal((await putManifest(client, repository, body, sha256(body))).status, 201);
      }
      const largest = watchAnswers();
      assert.equal((await listed<Index>(path(image.digest)))[0].manifests.length, 6);
      assert.ok(largest() <= 4 * 1024 ** 2, String(largest()));
    });

    /** The most bytes of bodies that one statement has answered since, once it is asked for. */
    function watchAnswers(): () => number {
      const { pool } = registry.dataSource.driver as unknown as { pool: Pool };
      const execute = pool.execute.bind(pool) as (...args: unknown[]) => unknown;
      let largest = 0;
      const spy = mock.method(pool, 'execute', (sql: string, values: unknown[], done: Answered) =>
        execute(sql, values, (error: unknown, rows: unknown, fields: unknown) => {
          const sizes = Array.isArray(rows)
            ? rows.map((row: { body?: Buffer }) => row.body?.length ?? 0)
            : [];
          largest = Math.max(
            largest,
            sizes.reduce((sum, size) => sum + size, 0),
          );
          done(error, rows, fields);
        }),
      );
      return () => {
        spy.mock.restore();
        return largest;
      };
    }

    it('come in pages', async () => {
      const image = buildImage();
      const subject = { mediaType: OCI_MANIFEST, digest: image.digest, size: image.body.length };
      await pushImage(client, repository, image, 'v1');
      for (let n = 0; n < 103; n += 1) {
        const body = buildImage({ subject, layers: ['layer'], annotations: { n: String(n) } }).body;
        assert.equal((await putManifest(client, repository, body, sha256(body))).status, 201);
      }
      const [first, next] = await listed<Index>(path(image.digest));
      assert.equal(first.manifests.length, 100);
      const [second, end] = await listed<Index>(next ?? '');
      assert.equal(end, null);
      const all = [...first.manifests, ...second.manifests].map((one) => one.annotations?.n);
      assert.deepEqual(
        all,
        Array.from({ length: 103 }, (_, n) => String(n)),
      );
    });
  });

  describe('of repositories', () => {
    it('show what the caller may pull by a grant, and nobody anything', async () => {
      const { dataSource } = registry;
      const reader = await buildUser(dataSource, { password: 'secret' });
      const { account: organization } = await buildOrganization(dataSource, { owner: reader.account });
      const mine = await buildRepository(dataSource, { namespace: reader.account, name: 'mine' });
      const team = await buildRepository(dataSource, { namespace: organization, name: 'team' });
      const granted = await buildRepository(dataSource, { namespace: owner.account });
      await buildRepository(dataSource, { namespace: owner.account, visibility: 'public' });
      await grant(dataSource, granted, reader.account, 'read');
      const theirs = new RegistryClient(registry.url, { username: reader.account.name, password: 'secret' });
      const expected = [
        `${reader.account.name}/${mine.name}`,
        `${organization.name}/${team.name}`,
        `${owner.account.name}/${granted.name}`,
      ].sort();
      const scope = 'registry:catalog:*';
      const all = await theirs.expect(200, 'GET', '/v2/_catalog', { scope });
      assert.deepEqual(await all.json(), { repositories: expected });
      const first = await theirs.expect(200, 'GET', '/v2/_catalog?n=2', { scope });
      assert.deepEqual(await first.json(), { repositories: expected.slice(0, 2) });
      const next = /<([^>]+)>/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
      const rest = await theirs.expect(200, 'GET', next, { scope });
      assert.deepEqual(await rest.json(), { repositories: expected.slice(2) });
      const nobody = await new RegistryClient(registry.url).expect(200, 'GET', '/v2/_catalog', { scope });
      assert.deepEqual(await nobody.json(), { repositories: [] });
    });

    describe('with other settings', () => {
      let open: TestRegistry;
      let auditor: BuiltUser;
      let secret: string;
      let shown: string;
      before(async () => {
        const { dataSource } = registry;
        auditor = await buildUser(dataSource, { password: 'secret' });
        open = await startRegistry({
          storagePath: registry.storagePath,
          host: registry.host,
          config: { FEATURE_PUBLIC_CATALOG: true, GLOBAL_READONLY_SUPER_USERS: [auditor.account.name] },
        });
        const { account: namespace } = await buildUser(dataSource);
        const { name } = await buildRepository(dataSource, { namespace, name: 'hidden' });
        await buildRepository(dataSource, { namespace, name: 'shown', visibility: 'public' });
        secret = `${namespace.name}/${name}`;
        shown = `${namespace.name}/shown`;
      });
      after(() => open.close());

      async function twoNames(at: string, of: BuiltUser | null): Promise<string[]> {
        const credentials = of && { username: of.account.name, password: 'secret' };
        const path = `/v2/_catalog?n=2&last=${secret.slice(0, -'hidden'.length)}`;
        const response = await new RegistryClient(at, credentials).expect(200, 'GET', path, {
          scope: 'registry:catalog:*',
        });
        return ((await response.json()) as { repositories: string[] }).repositories;
      }

      it('show what is public to everybody, and nothing more', async () => {
        for (const of of [null, owner]) {
          assert.equal((await twoNames(open.url, of))[0], shown);
          assert.ok(!(await twoNames(registry.url, of)).includes(shown));
        }
      });

      it('show auditors everything', async () => {
        assert.deepEqual(await twoNames(open.url, auditor), [secret, shown]);
        assert.deepEqual(await twoNames(registry.url, auditor), []);
      });
    });

    it('are shown to nobody whose password was changed since the token was issued', async () => {
      const { account } = await buildUser(registry.dataSource, { password: 'secret' });
      const theirs = new RegistryClient(registry.url, { username: account.name, password: 'secret' });
      const scope = 'registry:catalog:*';
      await theirs.expect(200, 'GET', '/v2/_catalog', { scope });
      await registry.dataSource.manager.update(Account, { id: account.id }, { passwordHash: 'another' });
      const refused = await theirs.call('GET', '/v2/_catalog', { scope });
      assert.equal(refused.status, 401);
      assert.match(refused.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
    });
  });
});
