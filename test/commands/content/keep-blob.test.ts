import { strict as assert } from 'node:assert';

import type { ContentDeps } from '../../../commands/content/content-deps';
import { keepBlob } from '../../../commands/content/keep-blob';
import { Blob, RepositoryBlob } from '../../../db/entities/content';
import { uploadKey } from '../../../storage/keys';
import { sharedDatabase } from '../../support/database';
import { buildRepository, buildUser, uniqueName } from '../../support/factories';
import { sha256 } from '../../support/registry-client';

describe('keepBlob', () => {
  it('keeps a link for longer, and makes none anew that was deleted meanwhile', async () => {
    const dataSource = await sharedDatabase();
    const { manager } = dataSource;
    const { account } = await buildUser(dataSource);
    const repository = await buildRepository(dataSource, { namespace: account });
    const deps: ContentDeps = {
      ...{ dataSource, now: Date.now, address: { scheme: 'http', host: 'registry.test' } },
      ...{ contentHoldMs: 3_600_000, uploadKey, uploadLifetimeMs: 1000 },
    };
    const digest = sha256(uniqueName('kept'));
    const blob = manager.create(Blob, {
      ...{ digest, sizeBytes: 1, storageKey: uniqueName('key'), state: 'live', createdAtMs: Date.now() },
    });
    await manager.save(blob);
    const link = { repositoryId: repository.id, blobId: blob.id };
    await manager.insert(RepositoryBlob, { ...link, holdUntilMs: 1 });
    assert.equal(await keepBlob(deps, link), true);
    const { holdUntilMs } = await manager.findOneByOrFail(RepositoryBlob, link);
    assert.ok(holdUntilMs > Date.now());
    // Again in the same millisecond changes nothing, and is no miss.
    const frozen = { ...deps, now: () => holdUntilMs - deps.contentHoldMs };
    assert.equal(await keepBlob(frozen, link), true);
    await manager.delete(RepositoryBlob, link);
    assert.equal(await keepBlob(deps, link), false);
    assert.equal(await manager.countBy(RepositoryBlob, link), 0);
    await manager.delete(Blob, { id: blob.id });
  });
});
