import { strict as assert } from 'node:assert';
import { hash } from 'node:crypto';

import { MissingPart, RepositoryBlob } from '../../db/entities/content';
import { OutboxRow } from '../../db/entities/outbox';
import { Repository } from '../../db/entities/repositories';
import { buildUser, uniqueName } from '../support/factories';
import { OCI_INDEX, OCI_MANIFEST, buildImage, putManifest } from '../support/images';
import type { BuiltImage } from '../support/images';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, codesOf } from '../support/registry-client';

describe('sparse manifests, where they are allowed', () => {
  let registry: TestRegistry;
  /** Another process of the same installation, whose setting is off. */
  let strict: TestRegistry;
  let client: RegistryClient;
  let namespace: string;
  let repository: string;

  before(async () => {
    registry = await startRegistry({ config: { FEATURE_SPARSE_INDEX: true } });
    strict = await startRegistry({ storagePath: registry.storagePath, host: registry.host });
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    namespace = account.name;
    client = new RegistryClient(registry.url, { username: namespace, password: 'secret' });
  });
  beforeEach(() => {
    repository = `${namespace}/${uniqueName('sparse')}`;
  });
  after(async () => {
    await strict.close();
    await registry.close();
  });

  const manager = () => registry.dataSource.manager;
  const rowOf = () => manager().findOneByOrFail(Repository, { name: repository.split('/')[1] ?? '' });
  const layerOf = (image: BuiltImage) => image.layers[0]?.digest ?? '';
  const endHolds = async () => {
    await manager().update(RepositoryBlob, { repositoryId: (await rowOf()).id }, { holdUntilMs: 0 });
  };
  const scansOf = async ({ digest }: BuiltImage) => {
    const orderingKey = `scan:${(await rowOf()).id}:${digest}`;
    return manager().countBy(OutboxRow, { kind: 'manifest.pushed', orderingKey });
  };
  const pushSparse = async () => {
    const image = buildImage({ layers: [uniqueName('late')] });
    const response = await putManifest(client, repository, image.body, 'v1');
    assert.equal(response.status, 201);
    return image;
  };

  it('are served without what they name; what comes later stays as long as they do', async () => {
    const image = await pushSparse();
    await client.expect(200, 'GET', `/v2/${repository}/manifests/v1`);
    await client.expect(404, 'HEAD', `/v2/${repository}/blobs/${layerOf(image)}`);
    await client.pushBlob(repository, image.layers[0]?.bytes ?? '');
    await client.pushBlob(repository, image.config.text);
    await endHolds();
    for (const digest of [layerOf(image), image.config.digest]) {
      await client.expect(200, 'GET', `/v2/${repository}/blobs/${digest}`);
      await client.expect(405, 'DELETE', `/v2/${repository}/blobs/${digest}`);
    }
    assert.equal(await manager().countBy(MissingPart, { repositoryId: (await rowOf()).id }), 0);
  });

  it('are scanned once nothing is missing any more', async () => {
    const image = await pushSparse();
    await client.pushBlob(repository, image.config.text);
    assert.equal(await scansOf(image), 0);
    await client.pushBlob(repository, image.layers[0]?.bytes ?? '');
    assert.equal(await scansOf(image), 1);
  });

  it('take what is mounted as well as what is pushed', async () => {
    const image = await pushSparse();
    const source = `${repository}-source`;
    await client.pushBlob(source, image.layers[0]?.bytes ?? '');
    const path = `/v2/${repository}/blobs/uploads/?mount=${layerOf(image)}&from=${source}`;
    await client.expect(201, 'POST', path);
    await endHolds();
    await client.expect(200, 'GET', `/v2/${repository}/blobs/${layerOf(image)}`);
  });

  it('find what comes under another digest than they name', async () => {
    const image = await pushSparse();
    const source = `${repository}-source`;
    const bytes = image.layers[0]?.bytes ?? '';
    const digest = `sha512:${hash('sha512', bytes)}`;
    await client.expect(201, 'POST', `/v2/${source}/blobs/uploads/?digest=${digest}`, { body: bytes });
    await client.expect(201, 'POST', `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${source}`);
    await endHolds();
    await client.expect(200, 'GET', `/v2/${repository}/blobs/${layerOf(image)}`);
  });

  it('of an index keep a child that comes later', async () => {
    const child = buildImage({ layers: [uniqueName('child')] });
    const manifests = [{ mediaType: OCI_MANIFEST, digest: child.digest, size: child.body.length }];
    const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    assert.equal((await putManifest(client, repository, body, 'multi', OCI_INDEX)).status, 201);
    assert.equal((await putManifest(client, repository, child.body, child.digest)).status, 201);
    await client.expect(405, 'DELETE', `/v2/${repository}/manifests/${child.digest}`);
  });

  it('are refused for a size that is known to be another one', async () => {
    const image = buildImage({ layers: [uniqueName('sized')] });
    await client.pushBlob(repository, image.layers[0]?.bytes ?? '');
    const size = image.layers[0]?.bytes.length ?? 0;
    const lying = image.body.replace(`"size":${size}`, `"size":${size + 1}`);
    const response = await putManifest(client, repository, lying, 'v1');
    assert.deepEqual([response.status, await codesOf(response)], [400, ['MANIFEST_INVALID']]);
  });

  it('are refused once that is no longer allowed, and whole when all has come meanwhile', async () => {
    const image = await pushSparse();
    const elsewhere = client.at(strict.url);
    const refused = await putManifest(elsewhere, repository, image.body, 'v2');
    assert.deepEqual([refused.status, await codesOf(refused)], [400, ['MANIFEST_BLOB_UNKNOWN']]);
    await elsewhere.pushBlob(repository, image.layers[0]?.bytes ?? '');
    await elsewhere.pushBlob(repository, image.config.text);
    assert.equal((await putManifest(elsewhere, repository, image.body, 'v2')).status, 201);
    assert.equal(await manager().countBy(MissingPart, { repositoryId: (await rowOf()).id }), 0);
    await endHolds();
    await client.expect(200, 'GET', `/v2/${repository}/blobs/${layerOf(image)}`);
  });
});
