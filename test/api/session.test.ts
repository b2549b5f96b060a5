import assert from 'node:assert/strict';

import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import { auditOf } from '../support/audit';
import { proveBasic, testAuthDeps } from '../support/auth-deps';
import { buildUser, uniqueName } from '../support/factories';

const PASSWORD = 'correct-horse-battery';

describe('sessions and CSRF', () => {
  let api: TestApi;
  let nowMs = Date.now();

  before(async () => {
    api = await startApi({ deps: { now: () => nowMs } });
  });
  beforeEach(() => {
    nowMs = Date.now();
  });
  after(() => api.close());

  async function signedIn() {
    const { account } = await buildUser(api.dataSource, { password: PASSWORD });
    const browser = api.browser();
    assert.equal((await browser.signIn(account.name, PASSWORD)).status, 200);
    return { account, browser };
  }

  it('gives a visitor a token in a signed cookie, the same one each time, and writes no row for it', async () => {
    const rows = () => api.dataSource.query('SELECT COUNT(*) AS n FROM session');
    const before = await rows();
    const browser = api.browser();
    await browser.fetchCsrfToken();
    const first = browser.csrfToken;
    assert.match(first, /^[\w-]{64}$/);
    await browser.fetchCsrfToken();
    assert.equal(browser.csrfToken, first);
    assert.deepEqual(await rows(), before);
  });

  it('signs in by name or e-mail address, and rotates the token', async () => {
    const { account } = await buildUser(api.dataSource, { password: PASSWORD });
    for (const username of [account.name, account.email ?? '']) {
      const browser = api.browser();
      await browser.fetchCsrfToken();
      const visitorsToken = browser.csrfToken;
      const answer = await browser.signIn(username, PASSWORD);
      assert.deepEqual([answer.status, answer.body], [200, { success: true }]);
      const cookie = answer.headers.getSetCookie()[0] ?? '';
      assert.match(cookie, /^_csrf_token=s\.[\w-]+; Max-Age=2678400; Path=\/; HttpOnly; SameSite=Lax$/);
      assert.notEqual(browser.csrfToken, visitorsToken);
      assert.equal((await browser.call('GET', '/user/')).body.username, account.name);
    }
  });

  it('logs a refused sign-in for the account that was tried, without the password, where asked to', async () => {
    const { account } = await buildUser(api.dataSource, { password: PASSWORD });
    await api.browser().signIn(account.name, 'wrong-password');
    assert.deepEqual(await auditOf(api.dataSource, account.id), []);
    const config = { ACTION_LOG_AUDIT_LOGINS: false, ACTION_LOG_AUDIT_LOGIN_FAILURES: true };
    const other = await startApi({ config, deps: { now: () => nowMs } });
    nowMs += 60_000;
    await other.browser().signIn(account.name, 'wrong-password');
    nowMs += 60_000;
    await other.browser().signIn(account.name, PASSWORD);
    await other.close();
    const [entry, ...more] = await auditOf(api.dataSource, account.id);
    assert.deepEqual(more, []);
    assert.equal(entry?.kind, 'login_failure');
    assert.deepEqual([entry.performerId, entry.metadata.username], [null, account.name]);
    assert.equal(entry.metadata.message, 'Invalid Username or Password');
    assert.ok(!JSON.stringify(entry).includes('wrong-password'));
  });

  it('refuses a wrong password and an unknown name alike', async () => {
    const { account } = await buildUser(api.dataSource, { password: PASSWORD });
    const expected = {
      message: 'Invalid Username or Password',
      invalidCredentials: true,
      needsEmailVerification: false,
    };
    for (const name of [account.name, uniqueName('nobody')]) {
      const answer = await api.browser().signIn(name, 'wrong-password');
      assert.deepEqual([answer.status, answer.body], [403, expected]);
      assert.deepEqual(answer.headers.getSetCookie(), []);
    }
  });

  it('tells in plain text who tried too often to wait', async () => {
    const { account } = await buildUser(api.dataSource, { password: PASSWORD });
    const browser = api.browser();
    const entries = async () => (await auditOf(api.dataSource, account.id)).length;
    assert.equal((await browser.signIn(account.name, 'wrong-password')).status, 403);
    const logged = await entries();
    for (const password of ['wrong-password', PASSWORD]) {
      const answer = await browser.signIn(account.name, password);
      assert.deepEqual(
        [answer.status, answer.body, answer.headers.get('retry-after')],
        [429, 'Too many login attempts. Please try again in 1 s.', '1'],
      );
      assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8');
    }
    // What was not looked at is no failure, and must not fill the log.
    assert.equal(await entries(), logged);
    nowMs += 500;
    assert.equal((await browser.signIn(account.name, PASSWORD)).status, 200);
  });

  it('lets whoever is signed in go on while others guess at the password', async () => {
    const { account, browser } = await signedIn();
    const token = await api.tokenOf(account);
    assert.equal((await api.browser().signIn(account.name, 'wrong-password')).status, 403);
    assert.equal((await api.browser().signIn(account.name, PASSWORD)).status, 429);
    assert.equal((await browser.call('GET', '/user/')).status, 200);
    assert.equal((await api.call('GET', '/user/', { token })).status, 200);
  });

  it('throttles the verification of a session too', async () => {
    const { browser } = await signedIn();
    const verify = (password: string) => browser.call('POST', '/signin/verify', { json: { password } });
    assert.equal((await verify('wrong-password')).status, 403);
    const answer = await verify(PASSWORD);
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [429, '1']);
    assert.equal((await browser.call('GET', '/user/')).status, 200);
  });

  it('asks for the token on sign-in too', async () => {
    const { account } = await buildUser(api.dataSource, { password: PASSWORD });
    const json = { username: account.name, password: PASSWORD };
    assert.equal(
      (await api.call('POST', '/signin', { json })).body.error,
      'CSRF token was invalid or missing.',
    );
  });

  it("takes only the session's own token, in the header or the query", async () => {
    const { account, browser } = await signedIn();
    const other = await signedIn();
    const make = (headers: Record<string, string>, query = '') =>
      api.call('POST', `/organization/${query}`, {
        json: { name: uniqueName('org') },
        headers: { cookie: browser.cookie, ...headers },
      });
    assert.equal((await make({})).status, 403);
    assert.equal((await make({ 'x-csrf-token': 'x' })).status, 403);
    assert.equal((await make({ 'x-csrf-token': other.browser.csrfToken })).status, 403);
    assert.equal((await make({ 'x-csrf-token': browser.csrfToken })).status, 201);
    assert.equal((await make({}, `?_csrf_token=${browser.csrfToken}`)).status, 201);
    assert.equal((await make({ 'x-csrf-token': browser.csrfToken }, '?_csrf_token=x')).status, 403);
    const visitor = api.browser();
    await visitor.fetchCsrfToken();
    assert.equal((await make({ cookie: visitor.cookie, 'x-csrf-token': browser.csrfToken })).status, 403);
    assert.notEqual(account.name, other.account.name);
  });

  it('does not take a visitor cookie that it did not sign', async () => {
    const token = 'A'.repeat(64);
    const answer = await api.call('POST', '/signin', {
      json: { username: 'x', password: 'y' },
      headers: { cookie: `_csrf_token=v.${token}.${'A'.repeat(43)}`, 'x-csrf-token': token },
    });
    assert.equal(answer.body.error, 'CSRF token was invalid or missing.');
  });

  it('switches the cookie off whenever there is an Authorization header', async () => {
    const { account, browser } = await signedIn();
    const bad = { authorization: `Bearer ${'a'.repeat(40)}` };
    assert.equal((await browser.call('GET', '/user/', { headers: bad })).status, 401);
    assert.equal(
      (await browser.call('POST', '/organization/', { headers: bad, json: { name: 'x' } })).status,
      403,
    );
    const other = await buildUser(api.dataSource);
    const token = await api.tokenOf(other.account);
    const answer = await browser.call('GET', '/user/', { token });
    assert.equal(answer.body.username, other.account.name);
    assert.notEqual(other.account.name, account.name);
  });

  it('needs no token from a bearer', async () => {
    const { account } = await buildUser(api.dataSource);
    const json = { name: uniqueName('org') };
    const answer = await api.call('POST', '/organization/', { json, token: await api.tokenOf(account) });
    assert.deepEqual([answer.status, answer.body], [201, 'Created']);
  });

  it('ends every session of the user on sign-out', async () => {
    const { account, browser } = await signedIn();
    const second = api.browser();
    await second.signIn(account.name, PASSWORD);
    const answer = await browser.call('POST', '/signout');
    assert.deepEqual([answer.status, answer.body], [200, { success: true }]);
    assert.match(answer.headers.getSetCookie()[0] ?? '', /^_csrf_token=; Max-Age=0/);
    assert.equal((await second.call('GET', '/user/')).status, 401);
    assert.equal((await api.browser().call('POST', '/signout')).status, 200);
  });

  it('makes a session fresh again, under another key, when the password is verified', async () => {
    const { browser } = await signedIn();
    const oldCookie = browser.cookie;
    const wrong = await browser.call('POST', '/signin/verify', { json: { password: 'wrong-password' } });
    assert.deepEqual([wrong.status, wrong.body.invalidCredentials], [403, true]);
    nowMs += 1000;
    const right = await browser.call('POST', '/signin/verify', { json: { password: PASSWORD } });
    assert.deepEqual([right.status, right.body], [200, { success: true }]);
    assert.equal((await browser.call('GET', '/user/')).status, 200);
    assert.equal((await api.call('GET', '/user/', { headers: { cookie: oldCookie } })).status, 401);
  });

  it('gives whoever types the password again a key for clients, and nobody else', async () => {
    const { account, browser } = await signedIn();
    const ask = (password: unknown) => browser.call('POST', '/user/clientkey', { json: { password } });
    const wrong = await ask('wrong-password');
    assert.deepEqual([wrong.status, wrong.body], [400, { message: 'Invalid Username or Password' }]);
    assert.equal((await ask(PASSWORD)).status, 429);
    nowMs += 500;
    const { status, body, headers } = await ask(PASSWORD);
    assert.deepEqual([status, headers.get('cache-control')], [200, 'no-store']);
    const result = await proveBasic(testAuthDeps(api.dataSource), account.name, body.key);
    assert.equal(result.outcome, 'accepted');
    const entries = await auditOf(api.dataSource, account.id);
    assert.deepEqual(entries.at(-1)?.kind, 'user_generate_client_key');
    // It opens the registry, no browser's session.
    assert.equal((await api.browser().signIn(account.name, body.key)).status, 403);
    const token = await api.tokenOf(account);
    const json = { password: PASSWORD };
    assert.equal((await api.call('POST', '/user/clientkey', { token, json })).status, 403);
  });

  it('forgets sessions after SESSION_TIMEOUT and of disabled users', async () => {
    const { account, browser } = await signedIn();
    await api.dataSource.query('UPDATE account SET enabled = 0 WHERE id = ?', [account.id]);
    assert.equal((await browser.call('GET', '/user/')).status, 401);
    await api.dataSource.query('UPDATE account SET enabled = 1 WHERE id = ?', [account.id]);
    assert.equal((await browser.call('GET', '/user/')).status, 200);
    nowMs += 32 * 86_400_000;
    assert.equal((await browser.call('GET', '/user/')).status, 401);
  });
});
