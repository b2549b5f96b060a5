import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';

import { Manifest, ManifestLabel, RepositoryBlob, Tag } from '../../db/entities/content';
import { OutboxRow } from '../../db/entities/outbox';
import { AuditLog, Repository } from '../../db/entities/repositories';
import { NotificationRule, Delivery } from '../../db/entities/notifications';
import { buildUser, uniqueName } from '../support/factories';
import type { BuiltImage } from '../support/images';
import {
  DOCKER_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
  buildImage,
  pushImage,
  putManifest,
} from '../support/images';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, codesOf, sha256 } from '../support/registry-client';

describe('manifests', () => {
  let registry: TestRegistry;
  let client: RegistryClient;
  let repository: string;

  before(async () => {
    registry = await startRegistry();
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    client = new RegistryClient(registry.url, { username: account.name, password: 'secret' });
    repository = `${account.name}/${uniqueName('app')}`;
  });
  after(() => registry.close());

  const manifest = (reference: string) => `/v2/${repository}/manifests/${reference}`;
  const row = async () => {
    const name = repository.split('/')[1] ?? '';
    return registry.dataSource.manager.findOneByOrFail(Repository, { name });
  };
  const indexOf = (images: BuiltImage[], fields: object = {}) =>
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: images.map((image) => ({
        mediaType: OCI_MANIFEST,
        digest: image.digest,
        size: image.body.length,
      })),
      ...fields,
    });

  it('come back by tag and by digest, byte for byte', async () => {
    const image = buildImage({ annotations: { some: 'thing' } });
    const pushed = await pushImage(client, repository, image, 'v1');
    assert.equal(pushed.status, 201);
    assert.equal(pushed.headers.get('location'), manifest(image.digest));
    assert.equal(pushed.headers.get('docker-content-digest'), image.digest);
    for (const reference of ['v1', image.digest]) {
      const response = await client.expect(200, 'GET', manifest(reference));
      assert.equal(response.headers.get('content-type'), OCI_MANIFEST);
      assert.equal(response.headers.get('docker-content-digest'), image.digest);
      assert.equal(response.headers.get('etag'), `"${image.digest}"`);
      assert.equal(await response.text(), image.body);
      const head = await client.expect(200, 'HEAD', manifest(reference));
      assert.equal(head.headers.get('content-length'), String(image.body.length));
    }
    await client.expect(304, 'GET', manifest('v1'), { headers: { 'if-none-match': `"${image.digest}"` } });
  });

  it('are stored as they are for a client that accepts nothing in particular', async () => {
    const image = buildImage();
    await pushImage(client, repository, image, 'plain');
    const headers = { accept: 'application/vnd.docker.distribution.manifest.v1+json' };
    const response = await client.expect(200, 'GET', manifest('plain'), { headers });
    assert.equal(response.headers.get('content-type'), OCI_MANIFEST);
  });

  it('tell everybody who listens: usage log, rules and the scan', async () => {
    const name = repository.split('/')[1] ?? '';
    await pushImage(client, repository, buildImage(), 'before');
    const { id, namespaceId } = await row();
    const { manager } = registry.dataSource;
    const rule = manager.create(NotificationRule, {
      uuid: '00000000-0000-4000-8000-' + String(id).padStart(12, '0'),
      repositoryId: id,
      event: 'repo_push',
      method: 'webhook',
      config: { url: 'http://hook.test/' },
      eventConfig: {},
      createdAtMs: Date.now(),
    });
    await manager.save(rule);
    const image = buildImage({ layers: ['told'] });
    await pushImage(client, repository, image, 'told');
    const [delivery] = await manager.findBy(Delivery, { ruleId: rule.id });
    assert.deepEqual(delivery?.payload, {
      repository,
      namespace: repository.split('/')[0],
      name,
      docker_url: `${registry.host}/${repository}`,
      homepage: `http://${registry.host}/repository/${repository}`,
      updated_tags: ['told'],
    });
    const entries = await manager.findBy(AuditLog, { repositoryId: id, kind: 'push_repo' });
    const entry = entries.map((one) => JSON.parse(one.metadata) as Record<string, unknown>).at(-1);
    assert.equal(entry?.tag, 'told');
    assert.equal(entry?.username, repository.split('/')[0]);
    assert.equal(await manager.countBy(AuditLog, { namespaceId, repositoryId: id, kind: 'create_repo' }), 1);
    const rows = await manager.findBy(OutboxRow, {
      orderingKey: `scan:${id}:${image.digest}`,
      kind: 'manifest.pushed',
    });
    const scan = rows.at(-1)?.payload as { digest: string; tag: string };
    assert.deepEqual([scan.digest, scan.tag], [image.digest, 'told']);
  });

  it('make the repository with the first push, private', async () => {
    const fresh = `${repository}-fresh`;
    assert.equal((await pushImage(client, fresh, buildImage(), 'v1')).status, 201);
    const { manager } = registry.dataSource;
    const made = await manager.findOneByOrFail(Repository, { name: fresh.split('/')[1] ?? '' });
    assert.equal(made.visibility, 'private');
  });

  it('may be pushed twice without any change', async () => {
    const image = buildImage({ layers: ['twice'] });
    await pushImage(client, repository, image, 'twice');
    const { manager } = registry.dataSource;
    const where = { repositoryId: (await row()).id, name: 'twice' };
    const [before] = await manager.findBy(Tag, where);
    assert.equal((await putManifest(client, repository, image.body, 'twice')).status, 201);
    assert.deepEqual(await manager.findBy(Tag, where), [before]);
  });

  it('move a tag: the old lifetime ends as the new one starts', async () => {
    const [first, second] = [buildImage({ layers: ['1'] }), buildImage({ layers: ['2'] })];
    await pushImage(client, repository, first, 'moving');
    await pushImage(client, repository, second, 'moving');
    const { id } = await row();
    const where = { repositoryId: id, name: 'moving' };
    const history = await registry.dataSource.manager.find(Tag, { where, order: { id: 'ASC' } });
    assert.deepEqual(
      history.map((tag) => [tag.digest, tag.isCurrent]),
      [
        [first.digest, null],
        [second.digest, true],
      ],
    );
    assert.equal(history[0]?.lifetimeEndMs, history[1]?.lifetimeStartMs);
    // What the tag named before stays pullable by digest until it is collected.
    await client.expect(200, 'GET', manifest(first.digest));
  });

  it('refuse an immutable tag with 409', async () => {
    const image = buildImage({ layers: ['fixed'] });
    await pushImage(client, repository, image, 'fixed');
    const { id } = await row();
    await registry.dataSource.manager.update(Tag, { repositoryId: id, name: 'fixed' }, { immutable: true });
    const refused = await pushImage(client, repository, buildImage({ layers: ['else'] }), 'fixed');
    assert.equal(refused.status, 409);
    assert.deepEqual(await codesOf(refused), ['TAG_IMMUTABLE']);
    assert.equal((await putManifest(client, repository, image.body, 'fixed')).status, 201);
    await client.expect(409, 'DELETE', manifest('fixed'));
    await client.expect(409, 'DELETE', manifest(image.digest));
  });

  it('give the tag the life that a label of the config or an annotation asks for', async () => {
    const lifeOf = async (name: string, image: BuiltImage) => {
      await pushImage(client, repository, image, name);
      const where = { repositoryId: (await row()).id, name, isCurrent: true as const };
      const tag = await registry.dataSource.manager.findOneByOrFail(Tag, where);
      return tag.lifetimeEndMs === null ? null : tag.lifetimeEndMs - tag.lifetimeStartMs;
    };
    const key = 'quay.expires-after';
    assert.equal(await lifeOf('week', buildImage({ labels: { [key]: '1w' } })), 604_800_000);
    const both = buildImage({ labels: { [key]: '1w' }, annotations: { [key]: '2h' } });
    assert.equal(await lifeOf('hours', both), 7_200_000);
    assert.equal(await lifeOf('odd', buildImage({ labels: { [key]: 'soon' } })), null);
  });

  it('warn who pushes to a tag that ends soon, and nobody else', async () => {
    const key = 'quay.expires-after';
    const warned = async (name: string, image: BuiltImage) =>
      (await pushImage(client, repository, image, name)).headers.get('warning');
    assert.match(
      (await warned('short', buildImage({ labels: { [key]: '2h' } }))) ?? '',
      /^299 - "tag short expires at \d{4}-\d\d-\d\dT[\d:.]+Z"$/,
    );
    assert.equal(await warned('longer', buildImage({ labels: { [key]: '1w' } })), null);
    const image = buildImage({ layers: ['ends by hand'] });
    assert.equal(await warned('by-hand', image), null);
    const end = { lifetimeEndMs: Date.now() + 60_000 };
    await registry.dataSource.manager.update(Tag, { repositoryId: (await row()).id, name: 'by-hand' }, end);
    assert.match((await warned('by-hand', image)) ?? '', /tag by-hand expires/);
    // All together they have their limit.
    const names = Array.from({ length: 90 }, (_, n) => `n${n}-${'x'.repeat(100)}`);
    const body = buildImage({ annotations: { [key]: '1h' } });
    await pushImage(client, repository, body);
    const many = await putManifest(client, repository, body.body, `${body.digest}?tag=${names.join(',')}`);
    assert.equal(many.status, 201);
    const length = many.headers.get('warning')?.length ?? 0;
    assert.ok(length > 3000 && length <= 4200, String(length));
  });

  it('keep labels, except those that do not fit', async () => {
    const labels = { vendor: 'acme', ['k'.repeat(300)]: 'too long a key', long: 'v'.repeat(10_000) };
    const image = buildImage({ labels, annotations: { vendor: 'wins' } });
    assert.equal((await pushImage(client, repository, image, 'labelled')).status, 201);
    const { manager } = registry.dataSource;
    const { id: repositoryId } = await row();
    const stored = await manager.findOneByOrFail(Manifest, { repositoryId, digest: image.digest });
    const kept = await manager.findBy(ManifestLabel, { manifestId: stored.id });
    assert.deepEqual(
      kept.map((label) => [label.labelKey, label.labelValue]),
      [['vendor', 'wins']],
    );
  });

  it('are refused when a blob is missing or has another size, and nothing is stored', async () => {
    const image = buildImage({ layers: ['never pushed'] });
    await client.pushBlob(repository, image.config.text);
    const missing = await putManifest(client, repository, image.body, 'missing');
    assert.equal(missing.status, 400);
    assert.deepEqual(await codesOf(missing), ['MANIFEST_BLOB_UNKNOWN']);
    await client.expect(404, 'HEAD', manifest('missing'));
    await client.expect(404, 'HEAD', manifest(image.digest));
    await client.pushBlob(repository, 'never pushed');
    const lying = image.body.replace(/"size":12/, '"size":13');
    assert.notEqual(lying, image.body);
    const wrong = await putManifest(client, repository, lying, 'wrong-size');
    assert.equal(wrong.status, 400);
    assert.deepEqual(await codesOf(wrong), ['MANIFEST_INVALID']);
  });

  it('are refused when a blob is only in another repository', async () => {
    const image = buildImage({ layers: ['in another one'] });
    await pushImage(client, `${repository}-source`, image, 'v1');
    const response = await putManifest(client, repository, image.body, 'stolen');
    assert.deepEqual(await codesOf(response), ['MANIFEST_BLOB_UNKNOWN']);
  });

  it('need not have the layers that live elsewhere', async () => {
    const image = buildImage({ layers: ['here'] });
    const foreign = {
      mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
      digest: sha256('elsewhere'),
      size: 9,
      urls: ['https://layers.test/9'],
    };
    const body = JSON.parse(image.body) as { layers: object[] };
    body.layers.push(foreign);
    await pushImage(client, repository, image);
    const text = JSON.stringify(body);
    assert.equal((await putManifest(client, repository, text, 'foreign')).status, 201);
  });

  it('name what is wrong with a body', async () => {
    const image = buildImage();
    const cases: [body: string, type: string, status: number, code: string][] = [
      ['{', OCI_MANIFEST, 400, 'MANIFEST_INVALID'],
      ['[]', OCI_MANIFEST, 400, 'MANIFEST_INVALID'],
      ['{}', OCI_MANIFEST, 400, 'MANIFEST_INVALID'],
      ['', OCI_MANIFEST, 400, 'MANIFEST_INVALID'],
      [image.body, DOCKER_MANIFEST, 400, 'MANIFEST_INVALID'],
      [image.body, 'text/plain', 415, 'MANIFEST_INVALID'],
      [image.body.replace('"layers"', '"manifests":[],"layers"'), OCI_MANIFEST, 400, 'MANIFEST_INVALID'],
      [image.body.replaceAll('sha256:', 'md5:'), OCI_MANIFEST, 400, 'MANIFEST_INVALID'],
      ['{"schemaVersion":2}', '', 415, 'MANIFEST_INVALID'],
    ];
    for (const [body, type, status, code] of cases) {
      const response = await putManifest(client, repository, body, 'broken', type);
      assert.equal(response.status, status, `${body} as ${type}`);
      assert.deepEqual(await codesOf(response), [code]);
    }
    await client.expect(404, 'HEAD', manifest('broken'));
  });

  it('are read by the media type of the body when the header has none or a parameter', async () => {
    const image = buildImage({ layers: ['typed'] });
    await pushImage(client, repository, image);
    assert.equal(
      (await putManifest(client, repository, image.body, 'typed', `${OCI_MANIFEST}; charset=utf-8`)).status,
      201,
    );
    const head = await client.expect(200, 'HEAD', manifest('typed'));
    assert.equal(head.headers.get('content-type'), OCI_MANIFEST);
  });

  it('are refused by digest when the bytes are others, and by references that are none', async () => {
    const image = buildImage({ layers: ['by digest'] });
    await pushImage(client, repository, image);
    const other = await putManifest(client, repository, `${image.body}  `, image.digest);
    assert.equal(other.status, 400);
    assert.deepEqual(await codesOf(other), ['DIGEST_INVALID']);
    const bad = await putManifest(client, repository, image.body, 'sha256:baddigeststring');
    assert.deepEqual([bad.status, await codesOf(bad)], [400, ['DIGEST_INVALID']]);
    const tag = await putManifest(client, repository, image.body, '-leading-dash');
    assert.deepEqual([tag.status, await codesOf(tag)], [400, ['TAG_INVALID']]);
  });

  it('of almost 4 MiB are taken, larger ones refused with 413 also without a length', async () => {
    const annotations = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`annotation-${n}`, 'v'.repeat(10_000)]));
    const large = buildImage({ annotations: annotations(390) });
    assert.equal((await pushImage(client, repository, large, 'large')).status, 201);
    const back = await client.expect(200, 'GET', manifest('large'));
    assert.equal(sha256(await back.text()), large.digest);
    const huge = buildImage({ annotations: annotations(450) });
    const sized = await putManifest(client, repository, huge.body, 'huge');
    assert.equal(sized.status, 413);
    const streamed = await client.call('PUT', manifest('huge'), {
      headers: { 'content-type': OCI_MANIFEST },
      body: new Blob([huge.body]).stream(),
    });
    assert.equal(streamed.status, 413);
    assert.deepEqual(await codesOf(streamed), ['MANIFEST_INVALID']);
    await client.expect(200, 'HEAD', manifest('large'));
  });

  it('by digest can have several tags at once', async () => {
    const image = buildImage({ layers: ['several'] });
    await pushImage(client, repository, image);
    const path = `${image.digest}?tag=a1&tag=a2,a3`;
    const response = await putManifest(client, repository, image.body, path);
    assert.equal(response.status, 201);
    assert.equal(response.headers.get('oci-tag'), 'a1, a2, a3');
    for (const tag of ['a1', 'a2', 'a3']) await client.expect(200, 'HEAD', manifest(tag));
    const wrong = await putManifest(client, repository, image.body, `${image.digest}?tag=b1&tag=-`);
    assert.equal(wrong.status, 400);
    await client.expect(404, 'HEAD', manifest('b1'));
  });

  it('put by sha512 answer with it, by tag too', async () => {
    const image = buildImage({ layers: ['long digest'] });
    await pushImage(client, repository, image);
    const digest = `sha512:${createHash('sha512').update(image.body).digest('hex')}`;
    const response = await putManifest(client, repository, image.body, `${digest}?tag=long`);
    assert.equal(response.headers.get('docker-content-digest'), digest);
    for (const reference of [digest, 'long']) {
      const head = await client.expect(200, 'HEAD', manifest(reference));
      assert.equal(head.headers.get('docker-content-digest'), digest);
    }
  });

  it('of an index need their children in the repository, with their sizes', async () => {
    const children = [buildImage({ layers: ['amd64'] }), buildImage({ layers: ['arm64'] })];
    const body = indexOf(children);
    const early = await putManifest(client, repository, body, 'multi', OCI_INDEX);
    assert.deepEqual([early.status, await codesOf(early)], [400, ['MANIFEST_BLOB_UNKNOWN']]);
    for (const child of children) await pushImage(client, repository, child);
    assert.equal((await putManifest(client, repository, body, 'multi', OCI_INDEX)).status, 201);
    const nested = indexOf([{ ...buildImage(), body, digest: sha256(body) }]).replace(
      OCI_MANIFEST,
      OCI_INDEX,
    );
    assert.equal((await putManifest(client, repository, nested, 'nested', OCI_INDEX)).status, 201);
    assert.equal((await putManifest(client, repository, indexOf([]), 'empty', OCI_INDEX)).status, 201);
    const lying = body.replace(/"size":\d+/, '"size":1');
    const wrong = await putManifest(client, repository, lying, 'lying', OCI_INDEX);
    assert.deepEqual(await codesOf(wrong), ['MANIFEST_INVALID']);
    // A child cannot be taken out of an index that is there.
    const refused = await client.call('DELETE', manifest(children[0]?.digest ?? ''));
    assert.deepEqual([refused.status, await codesOf(refused)], [405, ['UNSUPPORTED']]);
    for (const digest of [sha256(nested), sha256(body), children[0]?.digest ?? '']) {
      await client.expect(202, 'DELETE', manifest(digest));
    }
  });

  it('deleted by tag stay by digest, deleted by digest are gone with all tags', async () => {
    const image = buildImage({ layers: ['deleted'] });
    await pushImage(client, repository, image, 'd1');
    await putManifest(client, repository, image.body, 'd2');
    await client.expect(202, 'DELETE', manifest('d1'));
    const gone = await client.call('GET', manifest('d1'));
    assert.deepEqual([gone.status, await codesOf(gone)], [404, ['TAG_EXPIRED']]);
    const never = await client.call('GET', manifest('never'));
    assert.deepEqual([never.status, await codesOf(never)], [404, ['MANIFEST_UNKNOWN']]);
    await client.expect(404, 'DELETE', manifest('d1'));
    await client.expect(200, 'HEAD', manifest(image.digest));
    await client.expect(202, 'DELETE', manifest(image.digest));
    for (const reference of ['d2', image.digest]) await client.expect(404, 'HEAD', manifest(reference));
    await client.expect(404, 'DELETE', manifest(image.digest));
    // Pushed again it is back.
    assert.equal((await putManifest(client, repository, image.body, 'd3')).status, 201);
    await client.expect(200, 'HEAD', manifest(image.digest));
  });

  it('do not outlive the end of their tag for readers', async () => {
    const image = buildImage({ layers: ['expired'] });
    await pushImage(client, repository, image, 'expired');
    const { id } = await row();
    const { manager } = registry.dataSource;
    await manager.update(Tag, { repositoryId: id, name: 'expired' }, { lifetimeEndMs: Date.now() - 1 });
    const response = await client.call('GET', manifest('expired'));
    assert.deepEqual([response.status, await codesOf(response)], [404, ['TAG_EXPIRED']]);
    assert.equal((await putManifest(client, repository, image.body, 'expired')).status, 201);
    await client.expect(200, 'HEAD', manifest('expired'));
    assert.equal(await manager.countBy(Tag, { repositoryId: id, name: 'expired' }), 2);
  });

  it('keep a blob readable after its hold has run out', async () => {
    const image = buildImage({ layers: ['held'] });
    await pushImage(client, repository, image, 'held');
    const orphan = await client.pushBlob(repository, 'without a manifest');
    const { id } = await row();
    await registry.dataSource.manager.update(RepositoryBlob, { repositoryId: id }, { holdUntilMs: 0 });
    await client.expect(200, 'GET', `/v2/${repository}/blobs/${image.layers[0]?.digest ?? ''}`);
    await client.expect(404, 'GET', `/v2/${repository}/blobs/${orphan}`);
  });
});
