import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { BellNotification } from '../../db/entities/notifications';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import { freshDatabase } from '../support/database';
import { buildOrganization, buildTeam, buildUser, uniqueName } from '../support/factories';

const PASSWORD = 'correct-horse-battery';

describe('user routes', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi();
  });
  after(() => api.close());

  it('tell nobody that nobody is signed in', async () => {
    const answer = await api.call('GET', '/user/');
    assert.deepEqual([answer.status, answer.body.error_type], [401, 'invalid_token']);
    assert.equal(answer.body.session_required, false);
  });

  it('show as much of oneself as the scopes allow', async () => {
    const { account } = await buildUser(api.dataSource);
    const { account: organization } = await buildOrganization(api.dataSource, { owner: account });
    const full = await api.call('GET', '/user/', { token: await api.tokenOf(account, ['user:admin']) });
    assert.deepEqual(
      [full.body.username, full.body.email, full.body.is_me],
      [account.name, account.email, true],
    );
    assert.deepEqual(
      full.body.organizations.map((one: Record<string, unknown>) => [one.name, one.is_org_admin]),
      [[organization.name, true]],
    );
    const little = await api.call('GET', '/user/', { token: await api.tokenOf(account, ['user:read']) });
    assert.deepEqual(Object.keys(little.body).sort(), ['anonymous', 'avatar', 'organizations', 'username']);
    assert.equal(
      (await api.call('GET', '/user/', { token: await api.tokenOf(account, ['repo:admin']) })).status,
      403,
    );
  });

  it('show others only name and avatar', async () => {
    const { account } = await buildUser(api.dataSource);
    const answer = await api.call('GET', `/users/${account.name}`);
    assert.deepEqual(Object.keys(answer.body), ['anonymous', 'username', 'avatar']);
    assert.match(answer.body.avatar.hash, /^[0-9a-f]{64}$/);
    const { account: organization } = await buildOrganization(api.dataSource);
    assert.equal((await api.call('GET', `/users/${organization.name}`)).status, 404);
    assert.equal((await api.call('GET', `/users/${uniqueName('nobody')}`)).status, 404);
  });

  it('make an account and sign its owner in', async () => {
    const browser = api.browser();
    const username = uniqueName('new');
    const json = { username, password: PASSWORD, email: `${username}@users.test`, unknown: 1 };
    const made = await browser.call('POST', '/user/', { json });
    assert.deepEqual([made.status, made.body.username], [200, username]);
    assert.equal((await browser.call('GET', '/user/')).body.email, `${username}@users.test`);
    const again = await api.browser().call('POST', '/user/', { json });
    assert.deepEqual([again.status, again.body.detail], [400, 'The username already exists']);
  });

  it('refuse bad names and passwords with the field at fault', async () => {
    const send = (json: object) => api.browser().call('POST', '/user/', { json });
    const name = await send({ username: 'Not Legal', password: PASSWORD });
    assert.deepEqual([name.status, name.body.field], [400, 'name']);
    const password = await send({ username: uniqueName('new'), password: 'short' });
    assert.deepEqual([password.status, password.body.field], [400, 'password']);
    assert.equal((await send({ password: PASSWORD })).body.field, 'username');
  });

  it('do not exist where their features are off', async () => {
    const closed = await startApi({ config: { FEATURE_USER_CREATION: false } });
    const json = { username: uniqueName('new'), password: PASSWORD };
    assert.equal((await closed.browser().call('POST', '/user/', { json })).status, 405);
    assert.equal((await closed.call('POST', '/user/initialize', { json })).status, 404);
    await closed.close();
  });

  it('initialize an empty installation once', async () => {
    const dataSource = await freshDatabase(3);
    const empty = await startApi({ config: { FEATURE_USER_INITIALIZE: true }, deps: { dataSource } });
    try {
      const json = { username: 'admin', password: PASSWORD, email: 'admin@users.test', access_token: true };
      const [one, other] = await Promise.all([
        empty.call('POST', '/user/initialize', { json }),
        empty.call('POST', '/user/initialize', { json: { ...json, username: 'second', email: null } }),
      ]);
      assert.deepEqual([one.status, other.status].sort(), [200, 400]);
      const { body } = one.status === 200 ? one : other;
      assert.match(body.access_token, /^[A-Za-z0-9]{40}$/);
      const self = await empty.call('GET', '/user/', { token: body.access_token });
      assert.deepEqual([self.body.username, self.body.super_user], [body.username, true]);
    } finally {
      await empty.close();
      await dataSource.destroy();
    }
  });

  it('refuse anonymous calls where anonymous access is off, but not the way in', async () => {
    const closed = await startApi({ config: { FEATURE_ANONYMOUS_ACCESS: false } });
    const { account } = await buildUser(closed.dataSource, { password: PASSWORD });
    const answer = await closed.call('GET', `/users/${account.name}`);
    assert.deepEqual([answer.status, answer.body], [401, { error: 'Anonymous access is not allowed' }]);
    const browser = closed.browser();
    assert.equal((await browser.signIn(account.name, PASSWORD)).status, 200);
    assert.equal((await browser.call('GET', `/users/${account.name}`)).status, 200);
    await closed.close();
  });
});

describe('bell routes', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi();
  });
  after(() => api.close());

  const ring = async (targetId: number, minute: number) => {
    const uuid = randomUUID();
    const row = { uuid, kind: 'repo_push', targetId, metadata: { minute }, createdAtMs: minute * 60_000 };
    await api.dataSource.manager.insert(BellNotification, row);
    return uuid;
  };

  it('list what concerns the user and the organizations that the user administers, newest first', async () => {
    const { account } = await buildUser(api.dataSource);
    const { account: mine } = await buildOrganization(api.dataSource, { owner: account });
    const { account: joined } = await buildOrganization(api.dataSource);
    await buildTeam(api.dataSource, { organization: joined, members: [account] });
    const first = await ring(account.id, 1);
    await ring(joined.id, 2);
    const second = await ring(mine.id, 3);
    const token = await api.tokenOf(account);
    const answer = await api.call('GET', '/user/notifications', { token });
    assert.deepEqual(
      answer.body.notifications.map((one: Record<string, unknown>) => [one.id, one.organization]),
      [
        [second, mine.name],
        [first, null],
      ],
    );
    assert.equal(answer.body.notifications[1].created, 'Thu, 01 Jan 1970 00:01:00 -0000');
    const page = await api.call('GET', '/user/notifications?limit=1&page=1', { token });
    assert.deepEqual([page.body.notifications[0].id, page.body.additional], [first, false]);
  });

  it('dismiss one, but not one of somebody else', async () => {
    const { account } = await buildUser(api.dataSource);
    const { account: other } = await buildUser(api.dataSource);
    const uuid = await ring(account.id, 1);
    const path = `/user/notifications/${uuid}`;
    const json = { dismissed: true };
    const stranger = await api.call('PUT', path, { json, token: await api.tokenOf(other) });
    assert.equal(stranger.status, 404);
    const token = await api.tokenOf(account);
    const answer = await api.call('PUT', path, { json, token });
    assert.deepEqual([answer.status, answer.body.dismissed], [200, true]);
    assert.deepEqual((await api.call('GET', '/user/notifications', { token })).body.notifications, []);
    assert.equal((await api.call('GET', path, { token })).body.dismissed, true);
    assert.equal((await api.call('PUT', path, { json: {}, token })).body.field, 'dismissed');
  });
});
