import assert from 'node:assert/strict';

import { appendBuildLog, beginAttempt, markBuildPhase } from '../../commands/builds/build-attempts';
import { recordLogObject } from '../../commands/builds/build-log';
import { Account } from '../../db/entities/accounts';
import { Build, BuildTrigger } from '../../db/entities/builds';
import { Repository } from '../../db/entities/repositories';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import type { BuildBench } from '../support/build-bench';
import { buildBench, COMMIT } from '../support/build-bench';
import { buildUser, grant } from '../support/factories';

describe('builds and triggers over the API', () => {
  let api: TestApi;
  let bench: BuildBench;
  let path: string;
  let admin: string;
  let reader: string;

  before(async () => {
    api = await startApi();
    bench = await buildBench();
    path = `/repository/${bench.repository.namespace}/${bench.repository.name}`;
    const { manager } = bench.dataSource;
    admin = await api.tokenOf(await manager.findOneByOrFail(Account, { name: bench.owner.name }));
    const { account } = await buildUser(bench.dataSource);
    const repository = await manager.findOneByOrFail(Repository, { id: bench.repository.id });
    await grant(bench.dataSource, repository, account, 'read');
    reader = await api.tokenOf(account);
  });
  after(() => api.close());

  describe('a build', () => {
    it('is shown with its trigger, tags and metadata', async () => {
      const build = await bench.addBuild();
      const { status, body } = await api.call('GET', `${path}/build/${build.uuid}`, { token: admin });
      assert.equal(status, 200);
      const { started, trigger, ...rest } = body;
      assert.match(started, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d -0000$/);
      assert.deepEqual(trigger, {
        id: bench.trigger.uuid,
        service: 'custom-git',
        is_active: true,
        build_source: 'git@git.example:ops/web.git',
        repository_url: null,
        config: {},
        can_invoke: true,
        enabled: true,
        disabled_reason: null,
      });
      assert.deepEqual(rest, {
        id: build.uuid,
        phase: 'waiting',
        display_name: 'aabbccd',
        status: {},
        subdirectory: '/Dockerfile',
        dockerfile_path: '/Dockerfile',
        context: '/',
        tags: ['main'],
        manual_user: null,
        is_writer: true,
        trigger_metadata: build.triggerMetadata,
        resource_key: null,
        pull_robot: null,
        repository: { namespace: bench.repository.namespace, name: bench.repository.name },
        error: null,
        archive_url: null,
        image_id: null,
        manifest_digest: null,
      });
      assert.deepEqual(
        (await api.call('GET', `${path}/build/${build.uuid}/status`, { token: admin })).body,
        body,
      );
    });

    it('says less to readers', async () => {
      const build = await bench.addBuild();
      const { body } = await api.call('GET', `${path}/build/${build.uuid}`, { token: reader });
      assert.deepEqual(
        [body.is_writer, body.trigger.can_invoke, 'archive_url' in body],
        [false, false, false],
      );
      assert.equal(
        (await api.call('GET', `${path}/build/${build.uuid}/logs`, { token: reader })).status,
        403,
      );
      assert.equal((await api.call('DELETE', `${path}/build/${build.uuid}`, { token: reader })).status, 403);
    });

    it('that infrastructure failed for good is expired', async () => {
      const build = await bench.addBuild({ phase: 'internalerror', attempt: 3, errorMessage: 'no worker' });
      const { body } = await api.call('GET', `${path}/build/${build.uuid}`, { token: admin });
      assert.deepEqual([body.phase, body.error], ['expired', 'no worker']);
    });

    it('is listed newest first, by limit and age', async () => {
      const other = await buildBench();
      const token = await api.tokenOf(
        await bench.dataSource.manager.findOneByOrFail(Account, { name: other.owner.name }),
      );
      const list = `/repository/${other.repository.namespace}/${other.repository.name}/build/`;
      const ids = [];
      for (const age of [3, 2, 1]) {
        ids.unshift((await other.addBuild({ createdAtMs: Date.now() - age * 100_000 })).uuid);
      }
      const idsOf = async (query: string) =>
        (await api.call('GET', `${list}${query}`, { token })).body.builds.map(
          (build: { id: string }) => build.id,
        );
      assert.deepEqual(await idsOf(''), ids);
      assert.deepEqual(await idsOf('?limit=1'), ids.slice(0, 1));
      assert.deepEqual(await idsOf(`?since=${Math.floor(Date.now() / 1000) - 250}`), ids.slice(0, 2));
      const ofTrigger = `/repository/${other.repository.namespace}/${other.repository.name}/trigger/${other.trigger.uuid}/builds`;
      assert.equal((await api.call('GET', ofTrigger, { token })).body.builds.length, 3);
    });

    it('of another repository is not found here', async () => {
      const foreign = await (await buildBench()).addBuild();
      for (const suffix of ['', '/status', '/logs']) {
        const answer = await api.call('GET', `${path}/build/${foreign.uuid}${suffix}`, { token: admin });
        assert.equal(answer.status, 404);
      }
    });

    it('is cancelled once', async () => {
      const build = await bench.addBuild({ phase: 'pushing' });
      const cancel = () => api.call('DELETE', `${path}/build/${build.uuid}`, { token: admin });
      const first = await cancel();
      assert.deepEqual([first.status, first.body], [201, 'Okay']);
      assert.equal((await bench.reload(build)).phase, 'cancelled');
      const second = await cancel();
      assert.equal(second.status, 400);
      assert.match(second.body.detail, /running or has finished/);
    });
  });

  describe('the log of a build', () => {
    it('is read from any entry on while it grows', async () => {
      const build = await bench.addBuild();
      const attempt = { buildId: build.uuid, attempt: 1 };
      await beginAttempt(bench.deps, attempt);
      await markBuildPhase(bench.deps, attempt, 'building');
      await appendBuildLog(bench.deps, attempt, [
        { type: 'command', message: 'Step 1/1 : RUN true' },
        { message: 'x' },
      ]);
      const read = (query: string) =>
        api.call('GET', `${path}/build/${build.uuid}/logs${query}`, { token: admin });
      const all = (await read('')).body;
      assert.deepEqual([all.start, all.total], [0, 3]);
      assert.deepEqual(
        all.logs.map((entry: { type: string; message: string }) => [entry.type, entry.message]),
        [
          ['phase', 'building'],
          ['command', 'Step 1/1 : RUN true'],
          [null, 'x'],
        ],
      );
      assert.ok(Date.parse(all.logs[0].data.datetime) > 0);
      const rest = (await read('?start=2')).body;
      assert.deepEqual([rest.start, rest.total, rest.logs.length], [2, 3, 1]);
      assert.equal((await read('?start=x')).status, 400);
    });

    it('is one file after the end', async () => {
      const build = await bench.addBuild({ phase: 'complete' });
      const key = `objects/build-logs/${build.uuid}.json`;
      await api.deps.storage.putObject(key, Buffer.from('{"logs":[]}'));
      await recordLogObject(bench.deps, build.uuid, key);
      const { body } = await api.call('GET', `${path}/build/${build.uuid}/logs`, { token: admin });
      assert.deepEqual(body, { logs_url: `/logarchive/${build.uuid}` });
      const file = await api.call('GET', `/${body.logs_url}`, { token: admin });
      assert.deepEqual([file.status, file.body], [200, { logs: [] }]);
      assert.equal((await api.call('GET', `/${body.logs_url}`, { token: reader })).status, 403);
      assert.equal((await api.call('GET', `/${body.logs_url}`)).status, 401);
    });
  });

  describe('a trigger', () => {
    const config = { build_source: 'ssh://git@git.example/ops/web.git', tag_templates: ['v1'] };

    it('shows its credentials to administrators', async () => {
      const created = await api.call('POST', `${path}/trigger/`, {
        token: admin,
        json: { service: 'custom-git', config },
      });
      assert.equal(created.status, 201);
      const [key, url] = created.body.config.credentials;
      assert.deepEqual([key.name, url.name], ['SSH Public Key', 'Webhook Endpoint URL']);
      assert.match(key.value, /^ssh-rsa AAAA/);
      const id = created.body.id as string;
      assert.match(
        url.value,
        new RegExp(`^http://\\$token:[A-Z0-9]{64}@registry\\.test/webhooks/push/trigger/${id}$`),
      );
      assert.deepEqual((await api.call('GET', `${path}/trigger/${id}`, { token: admin })).body, created.body);
      const { triggers } = (await api.call('GET', `${path}/trigger/`, { token: admin })).body;
      assert.ok(triggers.some((trigger: { id: string }) => trigger.id === id));
      assert.equal((await api.call('GET', `${path}/trigger/`, { token: reader })).status, 403);
    });

    for (const url of ['file:///etc', '/srv/repo.git', 'ext::sh -c id', '-oProxyCommand=id', 'git://h/p']) {
      it(`refuses to clone from ${url}`, async () => {
        const json = { service: 'custom-git', config: { build_source: url } };
        const { status, body } = await api.call('POST', `${path}/trigger/`, { token: admin, json });
        assert.deepEqual([status, body.field], [400, 'config.build_source']);
      });
    }

    it('is set up in two steps by a browser, then switched off and deleted', async () => {
      const { account } = await buildUser(bench.dataSource, { password: 'a good password' });
      const repository = await bench.dataSource.manager.findOneByOrFail(Repository, {
        id: bench.repository.id,
      });
      await grant(bench.dataSource, repository, account, 'admin');
      const browser = api.browser();
      await browser.signIn(account.name, 'a good password');
      const { namespace, name } = bench.repository;
      const setup = await browser.call('GET', `//customtrigger/setup/${namespace}/${name}`);
      assert.equal(setup.status, 302);
      const id = (setup.headers.get('location') ?? '').split('/').at(-1) ?? '';
      assert.equal(setup.headers.get('location'), `/repository/${namespace}/${name}/trigger/${id}`);

      const toggle = (enabled: boolean) =>
        browser.call('PUT', `${path}/trigger/${id}`, { json: { enabled } });
      assert.equal((await toggle(false)).status, 400);
      assert.equal(
        (await api.call('POST', `${path}/trigger/${id}/activate`, { token: admin, json: { config } })).status,
        403,
      );
      const active = await browser.call('POST', `${path}/trigger/${id}/activate`, { json: { config } });
      assert.deepEqual([active.status, active.body.is_active], [200, true]);
      const off = await toggle(false);
      assert.deepEqual([off.body.enabled, off.body.disabled_reason], [false, 'user_toggled']);
      assert.equal((await browser.call('DELETE', `${path}/trigger/${id}`)).status, 204);
      assert.equal((await api.call('GET', `${path}/trigger/${id}`, { token: admin })).status, 404);
    });

    it('is started by hand with a commit, and with a branch for its tags', async () => {
      const start = (json: object) =>
        api.call('POST', `${path}/trigger/${bench.trigger.uuid}/start`, { token: admin, json });
      const answer = await start({ commit_sha: COMMIT, refs: { kind: 'branch', name: 'dev' } });
      assert.equal(answer.status, 201, JSON.stringify(answer.body));
      assert.deepEqual([answer.body.tags, answer.body.manual_user], [['dev'], bench.owner.name]);
      const location = `http://registry.test/api/v1${path}/build/${answer.body.id as string}/status`;
      assert.equal(answer.headers.get('location'), location);
      const plain = await start({ commit_sha: COMMIT });
      assert.deepEqual(plain.body.tags, [COMMIT.slice(0, 7)]);
      const build = await bench.dataSource.manager.findOneByOrFail(Build, { uuid: plain.body.id });
      assert.equal(build.isManual, true);
    });

    for (const [what, json] of [
      ['no commit', {}],
      ['a name as commit', { commit_sha: 'main' }],
      ['unknown keys', { commit_sha: COMMIT, branch: 'x' }],
    ] as const) {
      it(`is not started by hand with ${what}`, async () => {
        const url = `${path}/trigger/${bench.trigger.uuid}/start`;
        assert.equal((await api.call('POST', url, { token: admin, json })).status, 400);
      });
    }

    it('that is off is not started by hand either', async () => {
      const off = await buildBench();
      await off.dataSource.manager.update(BuildTrigger, off.trigger.id, { enabled: false });
      const token = await api.tokenOf(
        await off.dataSource.manager.findOneByOrFail(Account, { name: off.owner.name }),
      );
      const url = `/repository/${off.repository.namespace}/${off.repository.name}/trigger/${off.trigger.uuid}/start`;
      assert.equal((await api.call('POST', url, { token, json: { commit_sha: COMMIT } })).status, 400);
    });
  });
});
