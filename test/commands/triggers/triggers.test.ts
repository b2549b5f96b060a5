import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { BuildRepository } from '../../../commands/builds/build-deps';
import { generateSshKey } from '../../../commands/triggers/ssh-key';
import type { TriggerCaller } from '../../../commands/triggers/triggers';
import {
  activateTrigger,
  createTrigger,
  deleteTrigger,
  toggleTrigger,
} from '../../../commands/triggers/triggers';
import { BuildTrigger } from '../../../db/entities/builds';
import { AuditLog, RepositoryToken } from '../../../db/entities/repositories';
import { sharedDatabase } from '../../support/database';
import { buildRepository, buildRobot, buildUser } from '../../support/factories';

const CONFIG = { build_source: 'git@git.example:ops/web.git', context: '/svc', tag_templates: ['v1'] };

describe('generateSshKey', () => {
  it('makes a pair that OpenSSH reads, the private half in PKCS#1', async () => {
    const { publicKey, privateKey } = await generateSshKey();
    assert.match(privateKey, /^-----BEGIN RSA PRIVATE KEY-----\n/);
    assert.equal(createPrivateKey(privateKey).asymmetricKeyDetails?.modulusLength, 2048);
    const folder = mkdtempSync(join(tmpdir(), 'slipway-test-key-'));
    try {
      writeFileSync(join(folder, 'key'), privateKey, { mode: 0o600 });
      const derived = execFileSync('ssh-keygen', ['-y', '-f', join(folder, 'key')], { encoding: 'utf8' });
      assert.equal(derived.trim(), publicKey);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('triggers', () => {
  async function setUp() {
    const dataSource = await sharedDatabase();
    const { account, identity } = await buildUser(dataSource);
    const row = await buildRepository(dataSource, { namespace: account });
    const caller: TriggerCaller = {
      identity,
      actor: { kind: 'user', accountId: account.id, name: account.name, ip: null },
    };
    const repository: BuildRepository = {
      id: row.id,
      namespaceId: account.id,
      namespace: account.name,
      name: row.name,
    };
    return { deps: { dataSource, now: () => Date.now() }, caller, repository, account };
  }

  it('are active at once when they are created with a config: key pair, token, audit entry', async () => {
    const { deps, caller, repository } = await setUp();
    const activation = { config: { ...CONFIG, unknown: 1 } };
    const trigger = await createTrigger(deps, caller, repository, { service: 'custom-git', activation });
    assert.equal(trigger.isActive, true);
    assert.deepEqual(trigger.config, CONFIG);
    assert.match(trigger.publicKey ?? '', /^ssh-rsa AAAAB3NzaC1yc2E/);
    const token = await deps.dataSource.manager.findOneByOrFail(RepositoryToken, {
      id: trigger.writeTokenId ?? 0,
    });
    assert.deepEqual([token.kind, token.role, token.repositoryId], ['trigger', 'write', repository.id]);
    const audit = await deps.dataSource.manager.findOneByOrFail(AuditLog, { repositoryId: repository.id });
    assert.equal(audit.kind, 'setup_repo_trigger');
    assert.ok(!audit.metadata.includes('PRIVATE'));
    const [sealed] = await deps.dataSource.query<{ private_key: string; config: string }[]>(
      'SELECT private_key, config FROM build_trigger WHERE id = ?',
      [trigger.id],
    );
    assert.match(sealed?.private_key ?? '', /^v1\./);
    // An address may hold a password.
    assert.match(sealed?.config ?? '', /^v1\./);
  });

  it('are activated in a second step, once, by who created them', async () => {
    const { deps, caller, repository } = await setUp();
    const { uuid, isActive } = await createTrigger(deps, caller, repository, { service: 'custom-git' });
    assert.equal(isActive, false);
    const stranger = { ...caller, actor: { ...caller.actor, accountId: -1 } };
    await assert.rejects(activateTrigger(deps, stranger, repository, { uuid, config: CONFIG }), {
      reason: 'forbidden',
    });
    assert.equal((await activateTrigger(deps, caller, repository, { uuid, config: CONFIG })).isActive, true);
    await assert.rejects(activateTrigger(deps, caller, repository, { uuid, config: CONFIG }), {
      reason: 'invalid',
      message: /is active already/,
    });
  });

  const wrong: [string, object, string][] = [
    ['no build source', { context: '/' }, 'config.build_source'],
    ['a context that leads out', { ...CONFIG, context: '/../x' }, 'config.dockerfile_path'],
    [
      'a filter that is no regular expression',
      { ...CONFIG, branchtag_regex: '][' },
      'config.branchtag_regex',
    ],
    ['templates that are no list', { ...CONFIG, tag_templates: 'v1' }, 'config.tag_templates'],
    ['an empty template', { ...CONFIG, tag_templates: [''] }, 'config.tag_templates.0'],
  ];
  for (const [what, config, field] of wrong) {
    it(`refuse ${what}, naming ${field}`, async () => {
      const { deps, caller, repository } = await setUp();
      const input = { service: 'custom-git', activation: { config } };
      await assert.rejects(createTrigger(deps, caller, repository, input), { reason: 'invalid', field });
      assert.equal(await deps.dataSource.manager.countBy(BuildTrigger, { repositoryId: repository.id }), 0);
    });
  }

  it('refuse a service that does not exist', async () => {
    const { deps, caller, repository } = await setUp();
    await assert.rejects(createTrigger(deps, caller, repository, { service: 'svn' }), { field: 'service' });
  });

  it('pull with a robot of the same namespace only', async () => {
    const { deps, caller, repository, account } = await setUp();
    const own = await buildRobot(deps.dataSource, { namespace: account });
    const other = await buildUser(deps.dataSource);
    const foreign = await buildRobot(deps.dataSource, { namespace: other.account });
    const create = (pullRobot: string) =>
      createTrigger(deps, caller, repository, {
        service: 'custom-git',
        activation: { config: CONFIG, pullRobot },
      });
    assert.equal((await create(own.account.name)).pullRobotId, own.account.id);
    await assert.rejects(create(foreign.account.name), { reason: 'forbidden' });
    await assert.rejects(create(`${account.name}+nobody`), { reason: 'not-found' });
    await assert.rejects(create('no-robot-name'), { reason: 'not-found' });
  });

  it('are switched off and on, and on again they start with a clean record', async () => {
    const { deps, caller, repository } = await setUp();
    const activation = { config: CONFIG };
    const { uuid, id } = await createTrigger(deps, caller, repository, { service: 'custom-git', activation });
    await deps.dataSource.manager.update(BuildTrigger, id, { successiveFailures: 9 });
    const off = await toggleTrigger(deps, caller.actor, repository, { uuid, enabled: false });
    assert.deepEqual([off.enabled, off.disabledReason], [false, 'user_toggled']);
    const on = await toggleTrigger(deps, caller.actor, repository, { uuid, enabled: true });
    assert.deepEqual([on.enabled, on.disabledReason, on.successiveFailures], [true, null, 0]);
  });

  it('are deleted with their webhook password, in their own repository only', async () => {
    const { deps, caller, repository } = await setUp();
    const activation = { config: CONFIG };
    const trigger = await createTrigger(deps, caller, repository, { service: 'custom-git', activation });
    const elsewhere = (await setUp()).repository;
    await assert.rejects(deleteTrigger(deps, caller.actor, elsewhere, trigger.uuid), { reason: 'not-found' });
    await deleteTrigger(deps, caller.actor, repository, trigger.uuid);
    const { manager } = deps.dataSource;
    assert.equal(await manager.countBy(BuildTrigger, { id: trigger.id }), 0);
    assert.equal(await manager.countBy(RepositoryToken, { id: trigger.writeTokenId ?? 0 }), 0);
  });
});
