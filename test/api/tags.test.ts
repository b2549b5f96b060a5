import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

import { Blob, Manifest, ManifestChild, RepositoryBlob, Tag } from '../../db/entities/content';
import type { Account } from '../../db/entities/accounts';
import type { Repository } from '../../db/entities/repositories';
import { MANIFEST_TYPES } from '../../model/media-types';
import { blobKey, uploadKey } from '../../storage/keys';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import { buildRepository, buildUser } from '../support/factories';

const HOUR_MS = 3_600_000;

const digestOf = (content: string | Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`;

describe('tag and manifest routes', () => {
  let api: TestApi;
  let account: Account;
  let token: string;
  let counter = 0;

  before(async () => {
    api = await startApi();
    ({ account } = await buildUser(api.dataSource));
    token = await api.tokenOf(account);
  });
  after(() => api.close());

  async function newRepository(state: 'NORMAL' | 'READ_ONLY' = 'NORMAL') {
    const repository = await buildRepository(api.dataSource, { namespace: account, state });
    return { repository, path: `/repository/${account.name}/${repository.name}` };
  }

  async function putManifest(repository: Repository, content: object, columns: Partial<Manifest> = {}) {
    const body = Buffer.from(JSON.stringify({ ...content, serial: (counter += 1) }));
    const { manager } = api.dataSource;
    return manager.save(
      manager.create(Manifest, {
        ...{ repositoryId: repository.id, digest: digestOf(body), mediaType: MANIFEST_TYPES.ociImage, body },
        ...{ sizeBytes: body.length, layersSizeBytes: 7, holdUntilMs: 0, createdAtMs: 1 },
        ...columns,
      }),
    );
  }

  async function putTag(manifest: Manifest, name: string, columns: Partial<Tag> = {}) {
    const { manager } = api.dataSource;
    const { id: manifestId, repositoryId, digest } = manifest;
    const row = {
      name,
      manifestId,
      repositoryId,
      digest,
      lifetimeStartMs: Date.now() - HOUR_MS,
      isCurrent: true,
    };
    await manager.insert(Tag, { ...row, ...columns } as Tag);
  }

  const image = { config: { digest: 'sha256:x' }, layers: [] };

  it('list live tags and, unless asked not to, what ended within the time machine', async () => {
    const { repository, path } = await newRepository();
    const manifest = await putManifest(repository, image);
    const now = Date.now();
    await putTag(manifest, 'live', { lifetimeStartMs: now - HOUR_MS });
    await putTag(manifest, 'expires', { lifetimeStartMs: now - 2 * HOUR_MS, lifetimeEndMs: now + HOUR_MS });
    await putTag(manifest, 'ended', {
      lifetimeStartMs: now - 3 * HOUR_MS,
      lifetimeEndMs: now - 1000,
      isCurrent: null,
    });
    await putTag(manifest, 'ran-out', { lifetimeStartMs: now - 4 * HOUR_MS, lifetimeEndMs: now - 1000 });
    const longAgo = now - 15 * 24 * HOUR_MS;
    await putTag(manifest, 'forgotten', {
      lifetimeStartMs: longAgo - 1,
      lifetimeEndMs: longAgo,
      isCurrent: null,
    });
    const names = async (query: string) =>
      (await api.call('GET', `${path}/tag/${query}`, { token })).body.tags.map((tag: Tag) => tag.name);
    assert.deepEqual(await names(''), ['live', 'expires', 'ended', 'ran-out']);
    assert.deepEqual(await names('?onlyActiveTags=true'), ['live', 'expires']);
    assert.deepEqual(await names('?onlyActiveTags=false&specificTag=ended'), ['ended']);
    assert.deepEqual(await names('?filter_tag_name=like:RAN'), ['ran-out']);
    assert.deepEqual(await names('?filter_tag_name=eq:live'), ['live']);
    assert.deepEqual(await names('?filter_tag_name=like:%25'), []);
    const bad = await api.call('GET', `${path}/tag/?filter_tag_name=re:x`, { token });
    assert.equal(bad.status, 400);
    assert.match(bad.body.message, /re:x/);
  });

  it('show a tag in its shape, with the end only where there is one', async () => {
    const { repository, path } = await newRepository();
    const manifest = await putManifest(repository, image);
    const startMs = Math.floor(Date.now() / 1000) * 1000 - HOUR_MS;
    await putTag(manifest, 'v1', { lifetimeStartMs: startMs });
    const { body } = await api.call('GET', `${path}/tag/`, { token });
    assert.deepEqual(body, {
      tags: [
        {
          name: 'v1',
          reversion: false,
          start_ts: startMs / 1000,
          manifest_digest: manifest.digest,
          is_manifest_list: false,
          size: 7,
          last_modified: new Date(startMs).toUTCString().replace('GMT', '-0000'),
        },
      ],
      page: 1,
      has_additional: false,
    });
    const view = await api.call('GET', path, { token });
    assert.equal(view.body.tags.v1.manifest_digest, manifest.digest);
  });

  it('tell of an index which of its children are here', async () => {
    const { repository, path } = await newRepository();
    const child = await putManifest(repository, image);
    const absent = digestOf('nobody pushed this');
    const content = { manifests: [{ digest: child.digest }, { digest: absent }] };
    const columns = { mediaType: MANIFEST_TYPES.ociIndex, layersSizeBytes: null };
    const index = await putManifest(repository, content, columns);
    await api.dataSource.manager.insert(ManifestChild, { parentId: index.id, childId: child.id });
    await putTag(index, 'multi');
    const { body } = await api.call('GET', `${path}/tag/`, { token });
    const tag = body.tags[0];
    assert.deepEqual([tag.is_manifest_list, tag.size, tag.is_sparse], [true, null, true]);
    assert.deepEqual([tag.child_manifest_count, tag.present_child_count], [2, 1]);
    assert.deepEqual(tag.child_manifests_presence, { [child.digest]: true, [absent]: false });
    const seen = await api.call('GET', `${path}/manifest/${child.digest}`, { token });
    assert.equal(seen.status, 200);
    const list = await api.call('GET', `${path}/manifest/${index.digest}`, { token });
    assert.deepEqual(
      [list.body.is_manifest_list, list.body.layers, list.body.layers_compressed_size],
      [true, null, 0],
    );
  });

  it('page', async () => {
    const { repository, path } = await newRepository();
    const manifest = await putManifest(repository, image);
    for (let index = 0; index < 5; index += 1) {
      await putTag(manifest, `t${index}`, { lifetimeStartMs: 100 - index });
    }
    const page = async (query: string) => {
      const { body } = await api.call('GET', `${path}/tag/?${query}`, { token });
      return [body.tags.map((tag: Tag) => tag.name).join(), body.page, body.has_additional];
    };
    assert.deepEqual(await page('limit=2'), ['t0,t1', 1, true]);
    assert.deepEqual(await page('limit=2&page=3'), ['t4', 3, false]);
    assert.deepEqual(await page('limit=0&page=-7'), ['t0', 1, true]);
    const bad = await api.call('GET', `${path}/tag/?limit=abc`, { token });
    assert.deepEqual([bad.status, bad.body], [400, { message: { limit: '"abc" is not an integer' } }]);
  });

  it('make, move, end and restore a tag', async () => {
    const { repository, path } = await newRepository();
    const [one, two] = [await putManifest(repository, image), await putManifest(repository, image)];
    const put = (digest: string) =>
      api.call('PUT', `${path}/tag/v1`, { token, json: { manifest_digest: digest } });
    const made = await put(one.digest);
    assert.deepEqual([made.status, made.body], [201, 'Updated']);
    await put(two.digest);
    const live = async () => {
      const { body } = await api.call('GET', `${path}/tag/?onlyActiveTags=true`, { token });
      return body.tags.map((tag: Record<string, unknown>) => [tag.manifest_digest, tag.reversion]);
    };
    assert.deepEqual(await live(), [[two.digest, false]]);
    assert.equal((await api.call('DELETE', `${path}/tag/v1`, { token })).status, 204);
    assert.deepEqual(await live(), []);
    assert.equal((await api.call('DELETE', `${path}/tag/v1`, { token })).status, 404);
    const json = { manifest_digest: one.digest };
    const restored = await api.call('POST', `${path}/tag/v1/restore`, { token, json });
    assert.deepEqual([restored.status, restored.body], [200, {}]);
    assert.deepEqual(await live(), [[one.digest, true]]);
    assert.equal((await put(digestOf('unknown'))).status, 404);
    const name = await api.call('PUT', `${path}/tag/-bad`, { token, json });
    assert.deepEqual([name.status, name.body.field], [400, 'tag']);
  });

  it('refuse to move an immutable tag', async () => {
    const { repository, path } = await newRepository();
    const manifest = await putManifest(repository, image);
    await putTag(await putManifest(repository, image), 'v1', { immutable: true });
    const json = { manifest_digest: manifest.digest };
    const moved = await api.call('PUT', `${path}/tag/v1`, { token, json });
    assert.deepEqual([moved.status, moved.body.error_type], [409, 'tag_immutable']);
    assert.equal((await api.call('DELETE', `${path}/tag/v1`, { token })).status, 409);
  });

  it('set and clear an expiry, within the configured bounds', async () => {
    const { repository, path } = await newRepository();
    const startMs = Math.floor(Date.now() / 1000) * 1000;
    await putTag(await putManifest(repository, image), 'v1', { lifetimeStartMs: startMs });
    const change = (expiration: unknown) =>
      api.call('PUT', `${path}/tag/v1`, { token, json: { expiration } });
    const end = async () => (await api.call('GET', `${path}/tag/`, { token })).body.tags[0].end_ts;
    assert.equal((await change(startMs / 1000 + 7200)).status, 201);
    assert.equal(await end(), startMs / 1000 + 7200);
    await change(startMs / 1000 + 60);
    assert.equal(await end(), startMs / 1000 + 3600);
    await change(null);
    assert.equal(await end(), undefined);
    const past = await change(1);
    assert.deepEqual([past.status, past.body.field], [400, 'expiration']);
    assert.equal((await change('soon')).body.field, 'expiration');
    const json = { expiration: null };
    assert.equal((await api.call('PUT', `${path}/tag/none`, { token, json })).status, 404);
  });

  it('refuse changes of a repository that is read only', async () => {
    const { repository, path } = await newRepository('READ_ONLY');
    await putTag(await putManifest(repository, image), 'v1');
    assert.equal((await api.call('DELETE', `${path}/tag/v1`, { token })).status, 503);
    assert.equal((await api.call('GET', `${path}/tag/`, { token })).body.tags.length, 1);
  });

  it('show a manifest with what its config says of the layers', async () => {
    const { repository, path } = await newRepository();
    const config = JSON.stringify({
      history: [
        { created: '2026-08-04T10:00:00Z', created_by: '/bin/sh -c #(nop) ADD file:1 in /', comment: 'base' },
        { created_by: 'ENV A=b', empty_layer: true },
        { created_by: 'RUN apk add curl', author: 'me' },
      ],
    });
    const blobId = await store(config);
    const layers = [1, 2].map((size) => ({
      mediaType: 'application/x',
      digest: digestOf(String(size)),
      size,
    }));
    const columns = { configMediaType: 'application/vnd.oci.image.config.v1+json', layersSizeBytes: 3 };
    const manifest = await putManifest(repository, { config: { digest: digestOf(config) }, layers }, columns);
    const untagged = await api.call('GET', `${path}/manifest/${manifest.digest}`, { token });
    assert.equal(untagged.status, 404);
    await putTag(manifest, 'v1');
    // A config that only somebody else has pushed tells nothing to who names its digest.
    const sparse = await api.call('GET', `${path}/manifest/${manifest.digest}`, { token });
    assert.deepEqual(
      sparse.body.layers.map((layer: Record<string, unknown>) => layer.author),
      [null, null],
    );
    const { manager } = api.dataSource;
    await manager.insert(RepositoryBlob, { repositoryId: repository.id, blobId, holdUntilMs: 0 });
    const { body } = await api.call('GET', `${path}/manifest/${manifest.digest}`, { token });
    assert.equal(body.manifest_data, manifest.body.toString());
    assert.deepEqual(
      [body.digest, body.layers_compressed_size, body.is_manifest_list],
      [manifest.digest, 3, false],
    );
    assert.deepEqual(
      body.layers.map((layer: Record<string, unknown>) => [layer.index, layer.command, layer.author]),
      [
        [0, ['/bin/sh -c #(nop) ADD file:1 in /'], null],
        [1, ['RUN apk add curl'], 'me'],
      ],
    );
    assert.equal(body.layers[0].created_datetime, 'Tue, 04 Aug 2026 10:00:00 -0000');
    assert.equal((await api.call('GET', `${path}/manifest/${digestOf('none')}`, { token })).status, 404);
  });

  /** Its id. */
  async function store(content: string): Promise<number> {
    const digest = digestOf(content);
    const upload = uploadKey(crypto.randomUUID(), 1);
    const writer = await api.deps.storage.openUpload(upload, { offset: 0 });
    await writer.append(Readable.from([Buffer.from(content)]));
    await writer.close();
    const storageKey = await api.deps.storage.publish(upload, blobKey('sha256', digest.slice(7), 1));
    const row = { digest, storageKey, sizeBytes: content.length, state: 'live' as const, createdAtMs: 1 };
    const { identifiers } = await api.dataSource.manager.insert(Blob, row);
    return Number(identifiers[0]?.id);
  }
});
