import { strict as assert } from 'node:assert';

import { AuditLog } from '../../db/entities/repositories';
import { ROUTES } from '../../registry/routes';
import { buildUser, uniqueName } from '../support/factories';
import type { BuiltImage } from '../support/images';
import { buildImage, pushImage } from '../support/images';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient } from '../support/registry-client';

const WRITES = ROUTES.filter((route) => route.method !== 'GET');

describe('a registry that', () => {
  let registry: TestRegistry;
  let client: RegistryClient;
  let repository: string;
  let image: BuiltImage;

  before(async () => {
    registry = await startRegistry();
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    client = new RegistryClient(registry.url, { username: account.name, password: 'secret' });
    repository = `${account.name}/${uniqueName('app')}`;
    image = buildImage();
    await pushImage(client, repository, image, 'v1');
  });
  after(() => registry.close());

  const states = [
    { name: 'is read-only', config: { REGISTRY_STATE: 'readonly' as const }, isReadOnly: true },
    { name: 'takes no pushes for a while', config: { DISABLE_PUSHES: true }, isReadOnly: undefined },
  ];
  for (const { name, config, isReadOnly } of states) {
    describe(name, () => {
      let frozen: TestRegistry;
      let reader: RegistryClient;
      before(async () => {
        frozen = await startRegistry({ storagePath: registry.storagePath, host: registry.host, config });
        reader = client.at(frozen.url);
      });
      after(() => frozen.close());

      it('serves pulls, and whoever only looks what has to be pushed', async () => {
        assert.equal((await reader.requestToken([])).status, 200);
        const layer = image.layers[0]?.digest ?? '';
        for (const path of [`manifests/v1`, `manifests/${image.digest}`, `blobs/${layer}`, 'tags/list']) {
          await reader.expect(200, 'GET', `/v2/${repository}/${path}`);
        }
        await reader.expect(200, 'HEAD', `/v2/${repository}/blobs/${layer}`);
      });

      for (const { method, pattern } of WRITES) {
        it(`refuses ${method} ${pattern}`, async () => {
          const path = pattern
            .replace('{name}', repository)
            .replace('{reference}', 'v1')
            .replace('{digest}', image.digest)
            .replace('{uuid}', '00000000-0000-4000-8000-000000000000');
          const response = await reader.expect(405, method, path);
          const { errors } = (await response.json()) as { errors: Record<string, unknown>[] };
          assert.deepEqual([errors[0]?.code, errors[0]?.is_readonly], ['DENIED', isReadOnly]);
          await client.expect(200, 'HEAD', `/v2/${repository}/manifests/v1`);
        });
      }
    });
  }

  it('is read-only writes no login into the usage log', async () => {
    const config = { REGISTRY_STATE: 'readonly' as const };
    const frozen = await startRegistry({ storagePath: registry.storagePath, host: registry.host, config });
    try {
      const { account } = await buildUser(registry.dataSource, { password: 'secret' });
      const quiet = new RegistryClient(frozen.url, { username: account.name, password: 'secret' });
      assert.equal((await quiet.requestToken([])).status, 200);
      assert.equal(await registry.dataSource.manager.countBy(AuditLog, { performerId: account.id }), 0);
    } finally {
      await frozen.close();
    }
  });
});
