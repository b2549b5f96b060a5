import assert from 'node:assert/strict';

import { issueConfirmationCode } from '../../commands/notifications/email-authorization';
import { AuthorizedEmail, Delivery, NotificationRule } from '../../db/entities/notifications';
import { buildRepository, buildUser } from '../support/factories';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';

describe('notification routes', () => {
  let api: TestApi;

  before(async () => {
    api = await startApi();
  });

  after(() => api.close());

  async function ownRepository() {
    const { account } = await buildUser(api.dataSource);
    const repository = await buildRepository(api.dataSource, { namespace: account });
    const token = await api.tokenOf(account);
    const path = `/repository/${account.name}/${repository.name}`;
    return { account, repository, token, path };
  }

  const webhook = {
    event: 'repo_push',
    method: 'webhook',
    config: { url: 'https://example.com/x' },
    eventConfig: {},
  };

  it('makes, lists, shows, resets and deletes a rule', async () => {
    const { token, path } = await ownRepository();
    const made = await api.call('POST', `${path}/notification/`, {
      token,
      json: { ...webhook, title: 'mine' },
    });
    assert.equal(made.status, 201);
    assert.deepEqual(
      { ...made.body, uuid: '' },
      {
        uuid: '',
        title: 'mine',
        event: 'repo_push',
        method: 'webhook',
        config: { url: 'https://example.com/x' },
        event_config: {},
        number_of_failures: 0,
        last_error: null,
      },
    );
    const one = `${path}/notification/${made.body.uuid}`;
    assert.deepEqual((await api.call('GET', one, { token })).body, made.body);
    assert.equal((await api.call('GET', `${path}/notification/`, { token })).body.notifications.length, 1);
    await api.dataSource.manager.update(NotificationRule, { uuid: made.body.uuid }, { numberOfFailures: 3 });
    assert.equal((await api.call('POST', one, { token })).status, 204);
    assert.equal((await api.call('GET', one, { token })).body.number_of_failures, 0);
    assert.equal((await api.call('DELETE', one, { token })).status, 204);
    assert.equal((await api.call('GET', one, { token })).status, 404);
    assert.equal((await api.call('DELETE', one, { token })).status, 400);
  });

  it('says what is wrong with a rule, and keeps nothing of it', async () => {
    const { token, path, repository } = await ownRepository();
    for (const [change, detail] of [
      [{ event: 'full_moon' }, /"full_moon" is not an event/],
      [{ method: 'pigeon' }, /"pigeon" is not a method/],
      [{ config: {} }, /Missing webhook URL/],
      [{ config: undefined }, /config/],
    ] as const) {
      const answer = await api.call('POST', `${path}/notification/`, {
        token,
        json: { ...webhook, ...change },
      });
      assert.equal(answer.status, 400);
      assert.equal(answer.body.error_type, 'invalid_request');
      assert.match(answer.body.detail, detail);
    }
    assert.equal(await api.dataSource.manager.countBy(NotificationRule, { repositoryId: repository.id }), 0);
  });

  it('does not show, test or reset a rule through another repository', async () => {
    const mine = await ownRepository();
    const other = await ownRepository();
    const { body } = await api.call('POST', `${mine.path}/notification/`, {
      token: mine.token,
      json: webhook,
    });
    const through = `${other.path}/notification/${body.uuid}`;
    assert.equal((await api.call('GET', through, { token: other.token })).status, 404);
    assert.equal((await api.call('POST', `${through}/test`, { token: other.token })).status, 400);
  });

  it('owes a sample message when a rule is tested', async () => {
    const { token, path } = await ownRepository();
    const { body } = await api.call('POST', `${path}/notification/`, { token, json: webhook });
    assert.equal((await api.call('POST', `${path}/notification/${body.uuid}/test`, { token })).status, 200);
    const rule = await api.dataSource.manager.findOneByOrFail(NotificationRule, { uuid: body.uuid });
    const delivery = await api.dataSource.manager.findOneByOrFail(Delivery, { ruleId: rule.id });
    assert.equal(`/repository/${String(delivery.payload.repository)}`, path);
  });

  it('confirms an address by the button on the page that the mail leads to', async () => {
    const { token, path, repository } = await ownRepository();
    const address = `${path}/authorizedemail/ann@example.com`;
    assert.equal((await api.call('GET', address, { token })).status, 404);
    assert.equal((await api.call('POST', address, { token })).body.confirmed, false);
    const row = await api.dataSource.manager.findOneByOrFail(AuthorizedEmail, {
      repositoryId: repository.id,
    });
    const issued = await issueConfirmationCode(api.deps, row.id);
    const page = `//authrepoemail?code=${issued?.code}`;
    const shown = await api.call('GET', page);
    assert.match(shown.headers.get('content-type') ?? '', /text\/html/);
    assert.match(shown.body, /<form method="post"/);
    assert.equal(
      (await api.call('GET', address, { token })).body.confirmed,
      false,
      'looking confirms nothing',
    );
    assert.match((await api.call('POST', page)).body, /ann@example\.com/);
    assert.equal((await api.call('GET', address, { token })).body.confirmed, true);
    assert.equal((await api.call('POST', page)).status, 400);
  });

  it('shows a page, not a trace, for a code that nobody issued', async () => {
    for (const code of ['', 'x'.repeat(32), '"><script>alert(1)</script>']) {
      const path = `//authrepoemail?code=${encodeURIComponent(code)}`;
      assert.doesNotMatch((await api.call('GET', path)).body, /<script>/);
      assert.equal((await api.call('POST', path)).status, 400);
    }
  });

  it('lets only a superuser vouch for an address', async () => {
    const { token, path } = await ownRepository();
    const address = `${path}/authorizedemail/bob@example.com`;
    assert.equal((await api.call('PUT', address, { token, json: {} })).status, 403);
    const { account } = await buildUser(api.dataSource, { superuser: true });
    const vouched = await api.call('PUT', address, { token: await api.tokenOf(account), json: {} });
    assert.equal(vouched.status, 200);
    assert.equal(vouched.body.confirmed, true);
  });
});
