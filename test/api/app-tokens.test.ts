import assert from 'node:assert/strict';

import { route } from '../../api/route';
import { AppToken } from '../../db/entities/accounts';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import { auditOf } from '../support/audit';
import { buildUser } from '../support/factories';

const PASSWORD = 'correct-horse-battery';
const DAY_MS = 86_400_000;
const PATH = '/user/apptoken';

describe('app tokens', () => {
  let api: TestApi;
  let nowMs = Date.now();

  before(async () => {
    api = await startApi({
      deps: { now: () => nowMs },
      config: { APP_SPECIFIC_TOKEN_EXPIRATION: '30d' },
    });
  });
  beforeEach(() => {
    nowMs = Date.now();
  });
  after(() => api.close());

  async function signedIn(at = api) {
    const { account } = await buildUser(at.dataSource, { password: PASSWORD });
    const browser = at.browser();
    assert.equal((await browser.signIn(account.name, PASSWORD)).status, 200);
    const create = async (title: string) => {
      const { status, body } = await browser.call('POST', PATH, { json: { title } });
      assert.equal(status, 200, JSON.stringify(body));
      return body.token as { uuid: string; token_code: string };
    };
    const titles = async (query = '') => {
      const { body } = await browser.call('GET', PATH + query);
      return body.tokens.map((token: { title: string }) => token.title) as string[];
    };
    return { account, browser, create, titles };
  }

  it('are made with a password of 120 characters, which only their own page shows again', async () => {
    const { browser, create } = await signedIn();
    const { uuid, token_code: code } = await create(' laptop ');
    assert.match(code, /^[A-Z0-9]{120}$/);
    const expected = {
      ...{ uuid, title: 'laptop', last_accessed: null },
      created: new Date(nowMs).toUTCString().replace('GMT', '-0000'),
      expiration: new Date(nowMs + 30 * DAY_MS).toUTCString().replace('GMT', '-0000'),
    };
    const list = await browser.call('GET', PATH);
    assert.deepEqual([list.status, list.body], [200, { tokens: [expected], only_expiring: null }]);
    const one = await browser.call('GET', `${PATH}/${uuid}`);
    assert.deepEqual([one.status, one.body], [200, { token: { ...expected, token_code: code } }]);
    assert.equal(one.headers.get('cache-control'), 'no-store');
  });

  it('keep their secret sealed in the database', async () => {
    const { create } = await signedIn();
    const { uuid, token_code: code } = await create('laptop');
    const [row] = await api.dataSource.query<object[]>('SELECT * FROM app_token WHERE uuid = ?', [uuid]);
    assert.ok(row && !JSON.stringify(row).includes(code.slice(60)));
  });

  it('are gone when they are revoked, and the log tells both', async () => {
    const { account, browser, create, titles } = await signedIn();
    const kept = await create('kept');
    const { uuid } = await create('lost');
    assert.equal((await browser.call('DELETE', `${PATH}/${uuid}`)).status, 204);
    assert.deepEqual(await titles(), ['kept']);
    for (const method of ['GET', 'DELETE']) {
      assert.equal((await browser.call(method, `${PATH}/${uuid}`)).status, 404);
    }
    const entries = (await auditOf(api.dataSource, account.id)).filter(({ kind }) => /token/.test(kind));
    assert.deepEqual(
      entries.map(({ kind, performerId, metadata }) => [
        kind,
        performerId,
        metadata.app_specific_token_title,
        metadata.app_specific_token,
      ]),
      [
        ['create_app_specific_token', account.id, 'kept', kept.uuid],
        ['create_app_specific_token', account.id, 'lost', uuid],
        ['revoke_app_specific_token', account.id, 'lost', uuid],
      ],
    );
  });

  it('are revoked once by two at the same moment', async () => {
    const { browser, create, account } = await signedIn();
    const { uuid } = await create('lost');
    const revoke = () => browser.call('DELETE', `${PATH}/${uuid}`);
    const answers = await Promise.all([revoke(), revoke()]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 404]);
    const entries = await auditOf(api.dataSource, account.id);
    assert.equal(entries.filter(({ kind }) => kind === 'revoke_app_specific_token').length, 1);
  });

  it('of somebody else are not there', async () => {
    const owner = await signedIn();
    const stranger = await signedIn();
    const { uuid } = await owner.create('mine');
    assert.deepEqual(await stranger.titles(), []);
    for (const method of ['GET', 'DELETE']) {
      assert.equal((await stranger.browser.call(method, `${PATH}/${uuid}`)).status, 404);
    }
    assert.deepEqual(await owner.titles(), ['mine']);
  });

  it('are for sessions only: no token makes, shows or revokes another', async () => {
    const { account, create } = await signedIn();
    const { uuid } = await create('mine');
    const token = await api.tokenOf(account);
    for (const [method, path] of [
      ['GET', PATH],
      ['POST', PATH],
      ['GET', `${PATH}/${uuid}`],
      ['DELETE', `${PATH}/${uuid}`],
    ] as const) {
      const answer = await api.call(method, path, {
        token,
        json: method === 'POST' ? { title: 'x' } : undefined,
      });
      assert.deepEqual(
        [answer.status, answer.body.error_type],
        [403, 'insufficient_scope'],
        `${method} ${path}`,
      );
    }
    assert.equal(await api.dataSource.manager.countBy(AppToken, { accountId: account.id }), 1);
  });

  it('ask for the password again after a while, the list aside', async () => {
    const { browser, create } = await signedIn();
    const { uuid } = await create('mine');
    nowMs += 11 * 60_000;
    for (const [method, path] of [
      ['POST', PATH],
      ['GET', `${PATH}/${uuid}`],
      ['DELETE', `${PATH}/${uuid}`],
    ] as const) {
      const answer = await browser.call(method, path, {
        json: method === 'POST' ? { title: 'x' } : undefined,
      });
      assert.deepEqual([answer.status, answer.body.error_type], [401, 'fresh_login_required']);
    }
    assert.equal((await browser.call('GET', PATH)).status, 200);
  });

  it('need a title', async () => {
    const { browser } = await signedIn();
    for (const title of [undefined, '', '  ', 'x'.repeat(256), 7]) {
      const answer = await browser.call('POST', PATH, { json: { title } });
      assert.deepEqual([answer.status, answer.body.field], [400, 'title']);
    }
  });

  it('are listed as expiring in the last tenth of their life, and hidden after it', async () => {
    const { account, browser, create, titles } = await signedIn();
    const { uuid } = await create('old');
    nowMs += 27 * DAY_MS;
    assert.deepEqual(await titles('?expiring=true'), ['old']);
    nowMs -= 1;
    assert.deepEqual(await titles('?expiring=true'), []);
    assert.deepEqual(await titles('?expiring=false'), ['old']);
    assert.equal((await browser.call('GET', `${PATH}?expiring=true`)).body.only_expiring, true);
    nowMs += 3 * DAY_MS + 1;
    assert.deepEqual(await titles(), []);
    await api.dataSource.query('UPDATE session SET login_at_ms = ? WHERE account_id = ?', [
      nowMs,
      account.id,
    ]);
    assert.equal((await browser.call('GET', `${PATH}/${uuid}`)).status, 404);
  });

  it('live for ever by default, and do not exist where the feature is off', async () => {
    const open = await startApi();
    const { browser } = await signedIn(open);
    const { body } = await browser.call('POST', PATH, { json: { title: 'laptop' } });
    assert.equal(body.token.expiration, null);
    assert.deepEqual((await browser.call('GET', `${PATH}?expiring=true`)).body.tokens, []);
    await open.close();
    const closed = await startApi({ config: { FEATURE_APP_SPECIFIC_TOKENS: false } });
    assert.equal((await closed.call('GET', PATH)).status, 404);
    await closed.close();
  });

  it('open the registry only', async () => {
    const { create } = await signedIn();
    const { token_code: code } = await create('laptop');
    const other = await startApi({
      routes: () => [
        route({
          method: 'GET',
          path: '/who',
          operationId: 'who',
          access: 'anyone',
          basicAuth: true,
          handle: ({ identity }) => Promise.resolve({ status: 200, body: identity.kind }),
        }),
      ],
    });
    const authorization = `Basic ${Buffer.from(`$app:${code}`).toString('base64')}`;
    assert.equal((await other.call('GET', '/who', { headers: { authorization } })).body, 'anonymous');
    await other.close();
  });
});
