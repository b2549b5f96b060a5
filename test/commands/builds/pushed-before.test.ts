import assert from 'node:assert/strict';

import { beginAttempt } from '../../../commands/builds/build-attempts';
import { issueBuildToken } from '../../../commands/builds/build-tokens';
import { completePushedBuild } from '../../../commands/builds/complete-pushed-build';
import type { Build } from '../../../db/entities/builds';
import { BuildLogEntry } from '../../../db/entities/builds';
import { Manifest, Tag } from '../../../db/entities/content';
import { Delivery } from '../../../db/entities/notifications';
import type { BuildBench } from '../../support/build-bench';
import { buildBench } from '../../support/build-bench';
import type { BuiltImage } from '../../support/images';
import { buildImage, pushImage } from '../../support/images';
import type { TestRegistry } from '../../support/registry';
import { startRegistry } from '../../support/registry';
import { codesOf, RegistryClient } from '../../support/registry-client';

describe('a build whose worker was lost while it pushed', function () {
  this.timeout(60_000);
  let bench: BuildBench;
  let registry: TestRegistry;
  let path: string;

  before(async () => {
    registry = await startRegistry();
  });
  beforeEach(async () => {
    bench = await buildBench();
    path = `${bench.repository.namespace}/${bench.repository.name}`;
  });
  after(() => registry.close());

  /** Pushes as the engine of this attempt does. */
  async function push(build: Build, attempt: number, tag: string, image: BuiltImage): Promise<Response> {
    const password = await issueBuildToken(bench.deps, { buildId: build.uuid, attempt });
    const client = new RegistryClient(registry.url, { username: '$token', password: password ?? '' });
    return pushImage(client, path, image, tag);
  }

  async function begun(columns: Partial<Build> = {}): Promise<Build> {
    const build = await bench.addBuild({ dockerTags: ['main', 'v1', 'latest'], ...columns });
    await beginAttempt(bench.deps, { buildId: build.uuid, attempt: 1 });
    return build;
  }

  const currentTags = async () =>
    (await bench.dataSource.manager.findBy(Tag, { repositoryId: bench.repository.id, isCurrent: true }))
      .map(({ name, digest }) => `${name} ${digest}`)
      .sort();

  it('is completed with that image under all of its tags, and not built again', async () => {
    const build = await begun();
    const image = buildImage({ layers: ['first'], labels: { 'quay.expires-after': '2w' } });
    assert.equal((await push(build, 1, 'main', image)).status, 201);

    const second = { buildId: build.uuid, attempt: 2 };
    assert.equal((await beginAttempt(bench.deps, second))?.pushedDigest, image.digest);
    assert.equal(await completePushedBuild(bench.deps, second), 'current');

    assert.deepEqual(await currentTags(), [
      `latest ${image.digest}`,
      `main ${image.digest}`,
      `v1 ${image.digest}`,
    ]);
    const row = await bench.reload(build);
    assert.equal(row.phase, 'complete');
    assert.equal(row.imageId, image.config.digest);
    const tags = await bench.dataSource.manager.findBy(Tag, { repositoryId: bench.repository.id });
    assert.ok(
      tags.every(({ lifetimeEndMs }) => lifetimeEndMs !== null),
      'all of them expire as the image says',
    );
    const log = await bench.dataSource.manager.findBy(BuildLogEntry, { buildId: build.id });
    assert.ok(log.some(({ message }) => /pushed before the worker was lost; v1, latest now/.test(message)));
    assert.equal(await completePushedBuild(bench.deps, second), 'ended', 'repeating it does nothing');
  });

  it('tells of the success once', async () => {
    const build = await begun();
    await push(build, 1, 'main', buildImage({ layers: ['told'] }));
    const second = { buildId: build.uuid, attempt: 2 };
    await beginAttempt(bench.deps, second);
    await completePushedBuild(bench.deps, second);
    await completePushedBuild(bench.deps, second);
    const told = await bench.dataSource.manager.findBy(Delivery, { event: 'build_success' });
    assert.equal(told.filter(({ payload }) => payload.build_id === build.uuid).length, 1);
  });

  it('leaves a tag alone that somebody moved since', async () => {
    const build = await begun();
    await push(build, 1, 'main', buildImage({ layers: ['of the build'] }));
    const other = await begun({ dockerTags: ['main'] });
    const newer = buildImage({ layers: ['of another build'] });
    await push(other, 1, 'main', newer);
    const second = { buildId: build.uuid, attempt: 2 };
    await beginAttempt(bench.deps, second);
    await completePushedBuild(bench.deps, second);
    assert.ok((await currentTags()).includes(`main ${newer.digest}`));
  });

  it('points a tag at the image that had named it in earlier days and has moved on', async () => {
    const image = buildImage({ layers: ['of the cache'] });
    await push(await begun(), 1, 'latest', image);
    await push(await begun(), 1, 'latest', buildImage({ layers: ['of between'] }));
    const again = await begun({ dockerTags: ['main', 'latest'] });
    await push(again, 1, 'main', image);
    const second = { buildId: again.uuid, attempt: 2 };
    await beginAttempt(bench.deps, second);
    await completePushedBuild(bench.deps, second);
    assert.deepEqual(await currentTags(), [`latest ${image.digest}`, `main ${image.digest}`]);
  });

  it('is refused when somebody has deleted that image', async () => {
    const build = await begun();
    const image = buildImage({ layers: ['deleted'] });
    await push(build, 1, 'main', image);
    await bench.dataSource.manager.delete(Manifest, { digest: image.digest });
    const second = { buildId: build.uuid, attempt: 2 };
    await beginAttempt(bench.deps, second);
    await assert.rejects(completePushedBuild(bench.deps, second), { reason: 'not-found' });
  });

  it('refuses another image, whichever tag it comes with', async () => {
    const build = await begun();
    await push(build, 1, 'main', buildImage({ layers: ['one'] }));
    for (const tag of ['main', 'v1']) {
      const refused = await push(build, 1, tag, buildImage({ layers: ['two'] }));
      assert.equal(refused.status, 403);
      assert.deepEqual(await codesOf(refused), ['DENIED']);
    }
  });

  it('has nothing to be completed with when it had pushed nothing', async () => {
    const build = await begun();
    const second = { buildId: build.uuid, attempt: 2 };
    assert.equal((await beginAttempt(bench.deps, second))?.pushedDigest, null);
    await assert.rejects(completePushedBuild(bench.deps, second), /has pushed nothing/);
  });
});
