import { strict as assert } from 'node:assert';

import { Tag } from '../../db/entities/content';
import { buildUser, uniqueName } from '../support/factories';
import { DOCKER_MANIFEST, OCI_MANIFEST, buildImage, pushImage, putManifest } from '../support/images';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, codesOf, sha256 } from '../support/registry-client';

describe('manifests with something odd in them', () => {
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

  async function assertInvalid(response: Response): Promise<void> {
    assert.deepEqual([response.status, await codesOf(response)], [400, ['MANIFEST_INVALID']]);
  }

  it('are refused when a media type is longer than any column', async () => {
    const long = `application/${'x'.repeat(300)}`;
    await assertInvalid(await pushImage(client, repository, buildImage({ artifactType: long }), 'v1'));
    const image = buildImage();
    await pushImage(client, repository, image);
    const body = image.body.replace('application/vnd.oci.image.config.v1+json', long);
    await assertInvalid(await putManifest(client, repository, body, 'v1'));
  });

  it('are refused when layers that live elsewhere claim more bytes than can be counted', async () => {
    const image = buildImage();
    await pushImage(client, repository, image);
    const json = JSON.parse(image.body) as { layers: object[] };
    for (let n = 0; n < 1100; n += 1) {
      json.layers.push({
        mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
        digest: sha256(String(n)),
        size: Number.MAX_SAFE_INTEGER,
      });
    }
    await assertInvalid(await putManifest(client, repository, JSON.stringify(json), 'v1'));
  });

  it('are refused when they are not UTF-8, or have a name twice', async () => {
    const { body } = buildImage({ annotations: { title: '|' } });
    const [before = '', after = ''] = body.split('|');
    for (const hex of ['ff', 'c3', 'eda080']) {
      const bytes = Buffer.concat([Buffer.from(before), Buffer.from(hex, 'hex'), Buffer.from(after)]);
      const headers = { 'content-type': OCI_MANIFEST };
      await assertInvalid(
        await client.call('PUT', `/v2/${repository}/manifests/v1`, { body: bytes, headers }),
      );
    }
    const twice = body.replace('"layers":', '"layers":[],"layers":');
    await assertInvalid(await putManifest(client, repository, twice, 'v1'));
  });

  it('are taken with labels that no column can tell apart or no alphabet has', async () => {
    const annotations = {
      a: '1',
      'a ': '2',
      'a\0': '3',
      '\ud800': '4',
      '\ud801': '5',
      '🐳': '\udfff',
      __proto__: 'x',
    };
    const image = buildImage({ annotations });
    assert.equal((await pushImage(client, repository, image, 'odd')).status, 201);
    const stored = await client.expect(200, 'GET', `/v2/${repository}/manifests/odd`);
    assert.equal(await stored.text(), image.body);
  });

  it('keep their tag for ever when they ask for an end that no calendar has', async () => {
    const image = buildImage({ annotations: { 'quay.expires-after': '999999999y' } });
    assert.equal((await pushImage(client, repository, image, 'eternal')).status, 201);
    const tag = await registry.dataSource.manager.findOneByOrFail(Tag, {
      name: 'eternal',
      digest: image.digest,
    });
    assert.equal(tag.lifetimeEndMs, null);
  });

  it('do not tell whether somebody else has the blob that they name as their config', async () => {
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    const stranger = new RegistryClient(registry.url, { username: account.name, password: 'secret' });
    const secret = await client.pushBlob(repository, 'a secret, not JSON');
    const own = `${account.name}/own`;
    await stranger.pushBlob(own, 'makes the repository');
    for (const digest of [secret, sha256('nowhere')]) {
      const config = { mediaType: 'application/vnd.docker.container.image.v1+json', digest, size: 18 };
      const body = JSON.stringify({ schemaVersion: 2, mediaType: DOCKER_MANIFEST, config, layers: [] });
      const response = await putManifest(stranger, own, body, 'v1', DOCKER_MANIFEST);
      assert.deepEqual([response.status, await codesOf(response)], [400, ['MANIFEST_BLOB_UNKNOWN']]);
    }
  });
});
