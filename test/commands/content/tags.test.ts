import { strict as assert } from 'node:assert';

import type { DataSource } from 'typeorm';
import { Like } from 'typeorm';

import { ActError } from '../../../commands/act-error';
import type { GuardedDeps } from '../../../commands/caller';
import { actorOf } from '../../../commands/caller';
import { changeTagExpiry } from '../../../commands/content/change-tag-expiry';
import { deleteTag, moveTag, restoreTag } from '../../../commands/content/tags';
import { Manifest, ManifestLabel, Tag } from '../../../db/entities/content';
import { OutboxRow } from '../../../db/entities/outbox';
import type { Repository } from '../../../db/entities/repositories';
import { AuditLog } from '../../../db/entities/repositories';
import type { RepositoryPath } from '../../../model/names';
import { sharedDatabase } from '../../support/database';
import type { BuiltUser } from '../../support/factories';
import { buildRepository, buildUser, grant } from '../../support/factories';
import { sha256 } from '../../support/registry-client';

const DAY_MS = 86_400_000;

describe('tags', () => {
  let dataSource: DataSource;
  let deps: GuardedDeps;
  let nowMs = Date.now();
  let owner: BuiltUser;
  let repository: Repository;
  let path: RepositoryPath;

  before(async () => {
    dataSource = await sharedDatabase();
    deps = { dataSource, now: () => nowMs };
    owner = await buildUser(dataSource);
  });
  beforeEach(async () => {
    nowMs += 1000;
    repository = await buildRepository(dataSource, { namespace: owner.account });
    path = { namespace: owner.account.name, name: repository.name };
  });

  async function buildManifest(text: string): Promise<Manifest> {
    const { manager } = dataSource;
    return manager.save(
      manager.create(Manifest, {
        ...{ repositoryId: repository.id, digest: sha256(text), mediaType: 'application/json' },
        ...{ body: Buffer.from(text), sizeBytes: text.length, holdUntilMs: 0, createdAtMs: nowMs },
      }),
    );
  }

  const history = () =>
    dataSource.manager.find(Tag, { where: { repositoryId: repository.id }, order: { id: 'ASC' } });
  const log = async () => {
    const entries = await dataSource.manager.findBy(AuditLog, { repositoryId: repository.id });
    return entries.map(
      ({ kind, metadata }) => [kind, JSON.parse(metadata)] as [string, Record<string, unknown>],
    );
  };
  const refusal = (reason: string, field?: string) => (error: unknown) =>
    error instanceof ActError && error.reason === reason && (field === undefined || error.field === field);

  it('are made and moved by digest, logged, and raise no push event', async () => {
    const [first, second] = [await buildManifest('1'), await buildManifest('2')];
    const made = await moveTag(deps, owner.identity, path, { tag: 'v1', digest: first.digest });
    assert.equal(made.created, true);
    nowMs += 5000;
    const moved = await moveTag(deps, owner.identity, path, { tag: 'v1', digest: second.digest });
    assert.equal(moved.created, false);
    const rows = await history();
    assert.deepEqual(
      rows.map((row) => [row.digest, row.lifetimeEndMs, row.isCurrent]),
      [
        [first.digest, nowMs, null],
        [second.digest, null, true],
      ],
    );
    const common = { username: owner.account.name, namespace: path.namespace, repo: path.name, tag: 'v1' };
    assert.deepEqual(await log(), [
      ['create_tag', { ...common, manifest_digest: first.digest }],
      ['move_tag', { ...common, manifest_digest: second.digest, original_manifest_digest: first.digest }],
    ]);
    const orderingKey = Like(`%:${repository.id}:%`);
    assert.equal(await dataSource.manager.countBy(OutboxRow, { orderingKey }), 0);
  });

  it('live as long as the label of their manifest says', async () => {
    const manifest = await buildManifest('labelled');
    await dataSource.manager.insert(ManifestLabel, {
      ...{ uuid: crypto.randomUUID(), manifestId: manifest.id, labelKey: 'quay.expires-after' },
      ...{ labelValue: '1h', mediaType: 'text/plain', source: 'manifest' },
    });
    await moveTag(deps, owner.identity, path, { tag: 'brief', digest: manifest.digest });
    assert.equal((await history())[0]?.lifetimeEndMs, nowMs + 3_600_000);
  });

  it('are refused for manifests that are not here, names that are none, and who may only read', async () => {
    const manifest = await buildManifest('1');
    const move = (tag: string, digest: string) => moveTag(deps, owner.identity, path, { tag, digest });
    await assert.rejects(move('v1', sha256('unknown')), refusal('not-found', 'manifest'));
    await assert.rejects(move('no/tag', manifest.digest), refusal('invalid', 'tag'));
    const reader = await buildUser(dataSource);
    await grant(dataSource, repository, reader.account, 'read');
    const input = { tag: 'v1', digest: manifest.digest };
    await assert.rejects(moveTag(deps, reader.identity, path, input), refusal('forbidden'));
    assert.deepEqual(await history(), []);
  });

  it('end when they are deleted, and are not there afterwards', async () => {
    const manifest = await buildManifest('1');
    await moveTag(deps, owner.identity, path, { tag: 'v1', digest: manifest.digest });
    nowMs += 5000;
    await deleteTag(deps, owner.identity, path, 'v1');
    const [row] = await history();
    assert.deepEqual([row?.lifetimeEndMs, row?.isCurrent], [nowMs, null]);
    assert.equal((await log()).at(-1)?.[0], 'delete_tag');
    await assert.rejects(deleteTag(deps, owner.identity, path, 'v1'), refusal('not-found', 'tag'));
  });

  it('stay when they are immutable', async () => {
    const [first, second] = [await buildManifest('1'), await buildManifest('2')];
    await moveTag(deps, owner.identity, path, { tag: 'v1', digest: first.digest });
    await dataSource.manager.update(Tag, { repositoryId: repository.id }, { immutable: true });
    const move = moveTag(deps, owner.identity, path, { tag: 'v1', digest: second.digest });
    await assert.rejects(move, refusal('conflict', 'tag'));
    await assert.rejects(deleteTag(deps, owner.identity, path, 'v1'), refusal('conflict', 'tag'));
  });

  it('come back from the time machine, but only while it remembers them', async () => {
    const [first, second] = [await buildManifest('1'), await buildManifest('2')];
    await moveTag(deps, owner.identity, path, { tag: 'v1', digest: first.digest });
    nowMs += 1000;
    await moveTag(deps, owner.identity, path, { tag: 'v1', digest: second.digest });
    nowMs += 1000;
    await restoreTag(deps, owner.identity, path, { tag: 'v1', digest: first.digest });
    const rows = await history();
    assert.deepEqual(
      rows.map((row) => [row.digest, row.reversion, row.isCurrent]),
      [
        [first.digest, false, null],
        [second.digest, false, null],
        [first.digest, true, true],
      ],
    );
    assert.equal((await log()).at(-1)?.[0], 'revert_tag');
    const never = restoreTag(deps, owner.identity, path, { tag: 'other', digest: first.digest });
    await assert.rejects(never, refusal('not-found', 'manifest'));
    nowMs += owner.account.tagExpirationMs + 1;
    const late = restoreTag(deps, owner.identity, path, { tag: 'v1', digest: second.digest });
    await assert.rejects(late, refusal('not-found', 'manifest'));
  });

  it('have lifetimes in order even when the clock of the one that came second is behind', async () => {
    const [first, second] = [await buildManifest('1'), await buildManifest('2')];
    await moveTag(deps, owner.identity, path, { tag: 'v1', digest: first.digest });
    const startMs = nowMs;
    nowMs -= 500;
    await moveTag(deps, owner.identity, path, { tag: 'v1', digest: second.digest });
    const rows = await history();
    assert.deepEqual(
      rows.map((row) => [row.lifetimeStartMs, row.lifetimeEndMs]),
      [
        [startMs, startMs],
        [startMs, null],
      ],
    );
  });

  it('do not die at once when an old one is given an end in the future', async () => {
    const config = { LABELED_EXPIRATION_MINIMUM: '1h', LABELED_EXPIRATION_MAXIMUM: '104w' };
    const { digest } = await buildManifest('old');
    await moveTag(deps, owner.identity, path, { tag: 'old', digest });
    nowMs += 3 * 365 * DAY_MS;
    const caller = { identity: owner.identity, actor: actorOf(owner.identity, null) };
    const expiresAtMs = nowMs + 7 * DAY_MS;
    await changeTagExpiry({ ...deps, config }, caller, { path, tag: 'old', expiresAtMs });
    assert.equal((await history())[0]?.lifetimeEndMs, expiresAtMs);
  });
});
