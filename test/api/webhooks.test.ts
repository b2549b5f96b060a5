import assert from 'node:assert/strict';

import { Build, BuildTrigger } from '../../db/entities/builds';
import { Account } from '../../db/entities/accounts';
import { Repository } from '../../db/entities/repositories';
import type { ApiCall, TestApi } from '../support/api';
import { startApi } from '../support/api';
import { auditOf } from '../support/audit';
import { buildRepository, buildUser } from '../support/factories';

const SHA = 'aabbccddeeff00112233445566778899aabbccdd';
const PUSH = { commit: SHA, ref: 'refs/heads/main', default_branch: 'main' };

describe('the push webhook', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi();
  });
  after(() => api.close());

  /** A repository with an active trigger, and a way to post to it as a hook does. */
  async function setUp(config: object = {}) {
    const { account } = await buildUser(api.dataSource, { password: 'a good password' });
    const repository = await buildRepository(api.dataSource, { namespace: account });
    const token = await api.tokenOf(account);
    const path = `${account.name}/${repository.name}`;
    const created = await api.call('POST', `/repository/${path}/trigger/`, {
      token,
      json: { service: 'custom-git', config: { build_source: 'git@git.example:ops/web.git', ...config } },
    });
    assert.equal(created.status, 201, JSON.stringify(created.body));
    const { value } = created.body.config.credentials[1] as { value: string };
    const [, password = ''] = /\$token:([A-Z0-9]{64})@/.exec(value) ?? [];
    const uuid = created.body.id as string;
    const post = (call: ApiCall, target = `//webhooks/push/trigger/${uuid}`) =>
      api.call('POST', target, { ...call, headers: { ...basic('$token', password), ...call.headers } });
    const builds = () => api.dataSource.manager.findBy(Build, { repositoryId: repository.id });
    return { account, repository, uuid, path, token, password, post, builds };
  }

  it('answers with the id of the build that it queued', async () => {
    const { post, builds } = await setUp({ tag_templates: ['${commit_info.short_sha}'] });
    const answer = await post({ json: PUSH });
    const [build] = await builds();
    assert.deepEqual([answer.status, answer.body], [200, { status: 'queued', build_id: build?.uuid }]);
    assert.deepEqual(build?.dockerTags, ['aabbccd', 'main', 'latest']);
    assert.equal(build.isManual, false);
    assert.equal(build.triggerMetadata.git_url, 'git@git.example:ops/web.git');
  });

  it('keeps the credentials of the git address from whoever sees the build', async () => {
    const { post, builds, path, token, uuid, account } = await setUp({
      build_source: 'https://bot:hidden-word@git.example/ops/web.git',
    });
    await post({ json: PUSH });
    await api.call('POST', `/repository/${path}/trigger/${uuid}/start`, { token, json: { commit_sha: SHA } });
    for (const build of await builds()) {
      assert.equal(build.triggerMetadata.git_url, 'https://git.example/ops/web.git');
      const view = await api.call('GET', `/repository/${path}/build/${build.uuid}`, { token });
      assert.equal(view.body.trigger.build_source, 'https://git.example/ops/web.git');
      assert.ok(!JSON.stringify(view.body).includes('hidden-word'));
    }
    const trigger = await api.call('GET', `/repository/${path}/trigger/${uuid}`, { token });
    assert.match(trigger.body.config.build_source, /hidden-word/);
    await api.call('DELETE', `/repository/${path}/trigger/${uuid}`, { token });
    const logged = await auditOf(api.dataSource, account.id);
    assert.ok(logged.some(({ kind }) => kind === 'delete_repo_trigger'));
    assert.ok(!JSON.stringify(logged).includes('hidden-word'));
  });

  it('takes the old address with the path of the repository, and no other repository there', async () => {
    const { post, uuid, path } = await setUp();
    assert.equal(
      (await post({ json: PUSH }, `//webhooks/push/${path}/trigger/${uuid}`)).body.status,
      'queued',
    );
    assert.equal((await post({ json: PUSH }, `//webhooks/push/a/b/trigger/${uuid}`)).status, 404);
  });

  it('says why it skips', async () => {
    const { post, builds } = await setUp({ branchtag_regex: 'heads/main' });
    const skipped = async (json: object) => (await post({ json })).body as object;
    assert.deepEqual(await skipped({ ...PUSH, commit: '0'.repeat(40) }), {
      status: 'skipped',
      reason: 'the ref was deleted',
    });
    assert.deepEqual(await skipped({ ...PUSH, ref: 'refs/heads/dev' }), {
      status: 'skipped',
      reason: '"heads/dev" does not match the trigger\'s filter heads/main',
    });
    const info = { url: 'u', date: 'd', message: 'tune [skip build]' };
    assert.deepEqual(await skipped({ ...PUSH, commit_info: info }), {
      status: 'skipped',
      reason: 'the commit message says [skip build]',
    });
    assert.deepEqual(await builds(), []);
  });

  const malformed: [string, ApiCall, string][] = [
    ['a missing field', { json: { ...PUSH, commit: undefined } }, 'commit'],
    ['a ref of another kind', { json: { ...PUSH, ref: 'main' } }, 'ref'],
    ['broken JSON', { body: '{"commit":', headers: { 'content-type': 'application/json' } }, 'payload'],
    ['no body', { headers: { 'content-type': 'application/json' } }, 'payload'],
    [
      'a form',
      { body: 'payload=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      'payload',
    ],
  ];
  for (const [what, call, field] of malformed) {
    it(`refuses ${what} with 400, naming ${field} and the reason`, async () => {
      const { post, builds } = await setUp();
      const { status, body } = await post(call);
      assert.equal(status, 400);
      assert.equal(body.field, field);
      assert.ok(body.reason && body.error.includes(body.reason));
      assert.deepEqual(await builds(), []);
    });
  }

  it('takes JSON that is declared as something else', async () => {
    const { post } = await setUp();
    const call = { body: JSON.stringify(PUSH), headers: { 'content-type': 'text/plain' } };
    assert.equal((await post(call)).body.status, 'queued');
  });

  it('looks for the trigger first, then at the credentials', async () => {
    const { uuid, account, password } = await setUp();
    const post = (target: string, user?: string, pass = '') =>
      api.call('POST', target, { json: PUSH, headers: user === undefined ? {} : basic(user, pass) });
    const unknown = await post('//webhooks/push/trigger/00000000-0000-4000-8000-000000000000');
    assert.deepEqual([unknown.status, unknown.body], [404, { error: 'Not Found' }]);
    const target = `//webhooks/push/trigger/${uuid}`;
    const byUser = await post(target, account.name, 'a good password');
    const build = await api.dataSource.manager.findOneByOrFail(Build, { uuid: byUser.body.build_id });
    assert.equal(build.manualAccountId, account.id);
    for (const answer of [
      await post(target),
      await post(target, '$token', 'A'.repeat(64)),
      await post(target, account.name, 'wrong'),
      await post(target, '$token', (await setUp()).password),
    ]) {
      assert.deepEqual([answer.status, answer.body], [403, { error: 'Permission Denied' }]);
    }
    assert.equal((await post(target, '$token', password)).status, 200);
  });

  it('ignores sessions: a page of somebody else can start nothing', async () => {
    const { uuid, account } = await setUp();
    const browser = api.browser();
    assert.equal((await browser.signIn(account.name, 'a good password')).status, 200);
    const { cookie } = browser;
    const answer = await api.call('POST', `//webhooks/push/trigger/${uuid}`, {
      json: PUSH,
      headers: { cookie },
    });
    assert.equal(answer.status, 403);
  });

  it('starts nothing in a namespace that is disabled', async () => {
    const { post, builds, account } = await setUp();
    await api.dataSource.manager.update(Account, account.id, { enabled: false });
    const answer = await post({ json: PUSH });
    assert.equal(answer.status, 503, JSON.stringify(answer.body));
    assert.match(answer.body.error, /namespace is disabled/);
    assert.deepEqual(await builds(), []);
  });

  it('refuses a repository that takes no writes, a trigger that is off, and too many builds', async () => {
    const { post, repository, uuid, account } = await setUp();
    const { manager } = api.dataSource;
    await manager.update(Repository, repository.id, { state: 'READ_ONLY' });
    assert.equal((await post({ json: PUSH })).status, 503);
    await manager.update(Repository, repository.id, { state: 'NORMAL' });

    await manager.update(BuildTrigger, { uuid }, { enabled: false, disabledReason: 'user_toggled' });
    const off = await post({ json: PUSH });
    assert.deepEqual(
      [off.status, off.body],
      [400, { error: `trigger "${uuid}" is disabled (user_toggled)` }],
    );
    const skipped = await post({ json: { ...PUSH, commit: '0'.repeat(40) } });
    assert.equal(
      skipped.body.status,
      'skipped',
      'a push that builds nothing is skipped whatever the trigger is',
    );
    await manager.update(BuildTrigger, { uuid }, { enabled: true });

    await manager.update(Account, account.id, { maximumQueuedBuilds: 1 });
    assert.equal((await post({ json: PUSH })).status, 200);
    assert.equal((await post({ json: PUSH })).status, 429);
  });

  it('says which refs of a push had no place, instead of having the host post those again that had', async () => {
    const { post, account, builds } = await setUp();
    await api.dataSource.manager.update(Account, account.id, { maximumQueuedBuilds: 1 });
    const change = (name: string) => ({ new: { type: 'branch', name, target: { hash: SHA, message: 'm' } } });
    const json = { repository: { full_name: 'o/n' }, push: { changes: [change('one'), change('two')] } };
    const { status, body } = await post({ json });
    assert.deepEqual(
      [status, body.builds?.[0]?.status, body.builds?.[1]?.status],
      [200, 'queued', 'skipped'],
    );
    assert.match(body.builds[1].reason, /too many builds/);
    assert.equal((await builds()).length, 1);
    assert.equal((await post({ json })).status, 429, 'where none had a place the host may try again');
  });

  it("builds every ref of Bitbucket's push and answers for each", async () => {
    const { post } = await setUp();
    const change = (type: string, name: string) => ({
      new: { type, name, target: { hash: SHA, message: 'm' } },
    });
    const { body } = await post({
      json: {
        repository: { full_name: 'o/n' },
        push: { changes: [change('branch', 'dev'), { new: null, old: { type: 'branch', name: 'x' } }] },
      },
    });
    assert.equal(body.status, 'queued');
    assert.deepEqual(
      body.builds.map((build: { status: string }) => build.status),
      ['queued', 'skipped'],
    );
    assert.equal(body.build_id, body.builds[0].build_id);
  });
});

function basic(user: string, password: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}
