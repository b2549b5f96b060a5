import { strict as assert } from 'node:assert';

import { mintRepositoryToken } from '../../auth/tokens';
import { Account } from '../../db/entities/accounts';
import { Blob } from '../../db/entities/content';
import { Repository } from '../../db/entities/repositories';
import { insertBuild } from '../support/builds';
import type { BuiltUser } from '../support/factories';
import { buildRepository, buildRobot, buildUser, grant, uniqueName } from '../support/factories';
import { buildImage, pushImage, putManifest } from '../support/images';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient, sha256 } from '../support/registry-client';

describe('mounts', () => {
  let registry: TestRegistry;
  let owner: BuiltUser;
  let stranger: BuiltUser;
  let client: RegistryClient;
  let source: string;
  let target: string;

  before(async () => {
    registry = await startRegistry();
    owner = await buildUser(registry.dataSource, { password: 'secret' });
    stranger = await buildUser(registry.dataSource, { password: 'secret' });
    client = new RegistryClient(registry.url, { username: owner.account.name, password: 'secret' });
  });
  beforeEach(() => {
    source = `${owner.account.name}/${uniqueName('source')}`;
    target = `${owner.account.name}/${uniqueName('target')}`;
  });
  after(() => registry.close());

  const mount = (digest: string, from: string | null, into = target, who = client) =>
    who.call('POST', `/v2/${into}/blobs/uploads/?mount=${digest}${from === null ? '' : `&from=${from}`}`);

  it('link a blob of a repository that the token does not name, and a manifest may use it', async () => {
    const image = buildImage({ layers: [uniqueName('mounted')] });
    await pushImage(client, source, image, 'v1');
    for (const digest of [image.config.digest, image.layers[0]?.digest ?? '']) {
      const response = await mount(digest, source);
      assert.equal(response.status, 201);
      assert.equal(response.headers.get('location'), `/v2/${target}/blobs/${digest}`);
      assert.equal(response.headers.get('docker-content-digest'), digest);
    }
    assert.equal((await putManifest(client, target, image.body, 'v1')).status, 201);
  });

  it('find a source themselves when none is named', async () => {
    const digest = await client.pushBlob(source, uniqueName('anonymous'));
    assert.equal((await mount(digest, null)).status, 201);
    await client.expect(200, 'HEAD', `/v2/${target}/blobs/${digest}`);
  });

  it('become an upload when the digest or the source is unknown', async () => {
    const digest = await client.pushBlob(source, uniqueName('known'));
    for (const [wanted, from] of [
      [sha256('unknown'), source],
      [sha256('unknown'), null],
      [digest, `${source}-missing`],
      [digest, 'No/Name'],
    ] as const) {
      const response = await mount(wanted, from);
      assert.equal(response.status, 202);
      assert.match(response.headers.get('location') ?? '', /\/blobs\/uploads\//);
    }
    await client.expect(404, 'HEAD', `/v2/${target}/blobs/${digest}`);
  });

  it('do not reach what the caller may not pull, named or not', async () => {
    const digest = await client.pushBlob(source, uniqueName('private'));
    const thief = new RegistryClient(registry.url, { username: stranger.account.name, password: 'secret' });
    const into = `${stranger.account.name}/${uniqueName('loot')}`;
    for (const from of [source, null]) assert.equal((await mount(digest, from, into, thief)).status, 202);
    await thief.expect(404, 'HEAD', `/v2/${into}/blobs/${digest}`);
  });

  describe('of a build', () => {
    let image: string;
    let digest: string;

    /** A client with the token of a build of `target`, which pulls as this robot. */
    async function buildClient(pullRobotId: number | null, url = registry.url) {
      const { manager } = registry.dataSource;
      const [, name = ''] = target.split('/');
      const repository = await buildRepository(manager, { namespace: owner.account, name });
      const repositoryId = repository.id;
      const { uuid } = await insertBuild(registry.dataSource, { repositoryId, pullRobotId });
      const { password } = await mintRepositoryToken(manager, {
        repositoryId,
        kind: 'build',
        role: 'write',
        friendlyName: 'a build',
        buildUuid: uuid,
        nowMs: Date.now(),
      });
      return new RegistryClient(url, { username: '$token', password });
    }

    beforeEach(async () => {
      digest = await client.pushBlob(source, uniqueName('private base'));
      image = source.split('/')[1] ?? '';
    });

    /** A robot of the owner; with `read` it may pull the source. */
    async function pullRobot({ read }: { read: boolean }) {
      const { manager } = registry.dataSource;
      const robot = await buildRobot(manager, { namespace: owner.account });
      const repository = await manager.findOneByOrFail(Repository, {
        namespaceId: owner.account.id,
        name: image,
      });
      if (read) await grant(manager, repository, robot.account, 'read');
      return robot.account;
    }

    it('reach what its pull robot may pull', async () => {
      const robot = await pullRobot({ read: true });
      const builder = await buildClient(robot.id);
      for (const from of [null, source]) {
        assert.equal((await mount(digest, from, target, builder)).status, 201);
      }
      await builder.expect(200, 'HEAD', `/v2/${target}/blobs/${digest}`);
    });

    it('do not reach more than that', async () => {
      const robot = await pullRobot({ read: false });
      const builder = await buildClient(robot.id);
      for (const from of [null, source]) {
        assert.equal((await mount(digest, from, target, builder)).status, 202);
      }
    });

    it('reach nothing private without a robot, or with one that is switched off', async () => {
      assert.equal((await mount(digest, source, target, await buildClient(null))).status, 202);
      const robot = await pullRobot({ read: true });
      await registry.dataSource.manager.update(Account, robot.id, { enabled: false });
      target = `${owner.account.name}/${uniqueName('target')}`;
      assert.equal((await mount(digest, source, target, await buildClient(robot.id))).status, 202);
    });

    it('reach nothing by a robot where robots are not allowed', async () => {
      const { dataSource, storagePath } = registry;
      const strict = await startRegistry({ dataSource, storagePath, config: { ROBOTS_DISALLOW: true } });
      try {
        const robot = await pullRobot({ read: true });
        const builder = await buildClient(robot.id, strict.url);
        for (const from of [null, source]) {
          assert.equal((await mount(digest, from, target, builder)).status, 202);
        }
      } finally {
        await strict.close();
      }
    });

    it('give nobody but the mount the rights of the robot', async () => {
      const robot = await pullRobot({ read: true });
      const builder = await buildClient(robot.id);
      const scope = `repository:${source}:pull`;
      const response = await builder.call('GET', `/v2/${source}/blobs/${digest}`, { scope });
      assert.equal(response.status, 401);
    });
  });

  it('refuse a digest that is none', async () => {
    assert.equal((await mount('sha256:short', source)).status, 400);
  });

  it('of one blob come by the dozen, as many jobs begin with the same base image', async () => {
    const digest = await client.pushBlob(source, uniqueName('base'));
    await client.pushBlob(target, 'makes the repository');
    const answers = await Promise.all(Array.from({ length: 60 }, () => mount(digest, source)));
    assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([201]));
  });

  it('take a blob back that garbage collection has in view', async () => {
    const digest = await client.pushBlob(source, uniqueName('candidate'));
    const { manager } = registry.dataSource;
    await manager.update(Blob, { digest }, { state: 'candidate' });
    assert.equal((await mount(digest, source)).status, 201);
    assert.equal((await manager.findOneByOrFail(Blob, { digest })).state, 'live');
  });
});
