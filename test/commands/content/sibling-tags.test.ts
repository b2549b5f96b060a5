import assert from 'node:assert/strict';

import type { DataSource } from 'typeorm';
import { IsNull } from 'typeorm';

import { OCI_INDEX, OCI_MANIFEST, buildImage, pushImage, putManifest } from '../../support/images';
import { AuditLog } from '../../../db/entities/repositories';
import { Tag } from '../../../db/entities/content';
import { buildRepository, buildUser, uniqueName } from '../../support/factories';
import type { TestRegistry } from '../../support/registry';
import { startRegistry } from '../../support/registry';
import { RegistryClient } from '../../support/registry-client';

/** What cosign keeps as tags beside an image (registry spec 7, lifecycle spec 1). */
describe('sibling tags', () => {
  let registry: TestRegistry;
  let dataSource: DataSource;
  let client: RegistryClient;
  let repositoryId: number;
  let repository: string;
  let digest: string;

  before(async () => {
    registry = await startRegistry();
    ({ dataSource } = registry);
  });
  beforeEach(async () => {
    const { account } = await buildUser(dataSource, { password: 'secret' });
    client = new RegistryClient(registry.url, { username: account.name, password: 'secret' });
    const row = await buildRepository(dataSource, { namespace: account });
    repositoryId = row.id;
    repository = `${account.name}/${row.name}`;
    digest = await push('v1');
    for (const kind of ['sig', 'att', 'sbom']) await push(sibling(kind));
  });
  after(() => registry.close());

  /** An image that nothing else names; its digest. */
  async function push(tag: string): Promise<string> {
    const image = buildImage({ layers: [uniqueName('layer')] });
    assert.equal((await pushImage(client, repository, image, tag)).status, 201);
    return image.digest;
  }

  const sibling = (kind: string, of = digest) => `${of.replace(':', '-')}.${kind}`;
  const siblings = () => ['att', 'sbom', 'sig'].map((kind) => sibling(kind));
  const remove = (reference: string) =>
    client.expect(202, 'DELETE', `/v2/${repository}/manifests/${reference}`);
  const manifestOf = (tag: string) => client.expect(200, 'GET', `/v2/${repository}/manifests/${tag}`);

  async function tags(): Promise<string[]> {
    const answer = await client.expect(200, 'GET', `/v2/${repository}/tags/list`);
    return ((await answer.json()) as { tags: string[] }).tags;
  }

  it('end with the last tag of their image, each with an entry of the usage log', async () => {
    assert.deepEqual(await tags(), [...siblings(), 'v1']);
    await remove('v1');
    assert.deepEqual(await tags(), []);
    const entries = await dataSource.manager.findBy(AuditLog, { repositoryId, kind: 'delete_tag' });
    const named = entries.map(({ metadata }) => (JSON.parse(metadata) as { tag: string }).tag);
    assert.deepEqual(named.sort(), [...siblings(), 'v1']);
  });

  it('end when the tag moves to another image', async () => {
    await push('v1');
    assert.deepEqual(await tags(), ['v1']);
  });

  it('end when their image is deleted by digest', async () => {
    await remove(digest);
    assert.deepEqual(await tags(), []);
  });

  it('stay while another tag names their image', async () => {
    const body = await (await manifestOf('v1')).text();
    await putManifest(client, repository, body, 'v2');
    await remove('v1');
    assert.deepEqual(await tags(), [...siblings(), 'v2']);
    await push('v2');
    assert.deepEqual(await tags(), ['v2']);
  });

  it('stay while an index names their image', async () => {
    const size = Number((await manifestOf('v1')).headers.get('content-length'));
    const child = { mediaType: OCI_MANIFEST, digest, size, platform: { os: 'linux', architecture: 'arm64' } };
    const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [child] });
    await client.expect(201, 'PUT', `/v2/${repository}/manifests/multi`, {
      headers: { 'content-type': OCI_INDEX },
      body: index,
    });
    await remove('v1');
    assert.deepEqual(await tags(), ['multi', ...siblings()]);
  });

  it('stay when they are immutable', async () => {
    const name = sibling('sig');
    await dataSource.manager.update(
      Tag,
      { repositoryId, name, lifetimeEndMs: IsNull() },
      { immutable: true },
    );
    await remove('v1');
    assert.deepEqual(await tags(), [name]);
  });

  it('take with them what is kept beside them', async () => {
    const sbom = (await manifestOf(sibling('sbom'))).headers.get('docker-content-digest') ?? '';
    await push(sibling('sig', sbom));
    await remove('v1');
    assert.deepEqual(await tags(), []);
  });

  it('are deleted alone, and leave their image alone', async () => {
    await remove(sibling('att'));
    assert.deepEqual(await tags(), [sibling('sbom'), sibling('sig'), 'v1']);
  });

  it('are no tags that only look alike', async () => {
    const alike = [digest.replace(':', '-'), `${digest.replace(':', '-')}.other`, 'sha256-12.sig'];
    for (const tag of alike) await push(tag);
    await remove('v1');
    assert.deepEqual(await tags(), [...alike].sort());
  });
});
