import { strict as assert } from 'node:assert';

import { mintRepositoryToken } from '../../auth/tokens';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import { buildRepository, buildRobot, buildUser, grant, uniqueName } from '../support/factories';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient } from '../support/registry-client';

describe('wrong passwords at the token service', () => {
  let one: TestRegistry;
  let two: TestRegistry;
  let api: TestApi;
  let nowMs = Date.now();

  before(async () => {
    const now = () => nowMs;
    one = await startRegistry({ now, config: { TRUSTED_PROXY_NETWORKS: ['127.0.0.0/8'] } });
    two = await startRegistry({ now, storagePath: one.storagePath, host: one.host });
    api = await startApi({ deps: { now } });
  });
  after(async () => {
    await api.close();
    await two.close();
    await one.close();
  });

  const login = ({ url }: { url: string }, username: string, password: string, headers = {}) => {
    const basic = Buffer.from(`${username}:${password}`).toString('base64');
    return fetch(`${url}/v2/auth`, { headers: { authorization: `Basic ${basic}`, ...headers } });
  };

  it('count for every process and every door', async () => {
    const { account } = await buildUser(one.dataSource, { password: 'secret' });
    assert.equal((await login(one, account.name, 'wrong')).status, 401);
    for (const door of [one, two]) {
      const answer = await login(door, account.name, 'secret');
      assert.equal(answer.status, 429);
      assert.equal(answer.headers.get('retry-after'), '1');
      const message = 'Too many login attempts. Please try again in 1 s.';
      assert.deepEqual(await answer.json(), { errors: [{ code: 'TOOMANYREQUESTS', message, detail: {} }] });
    }
    assert.equal((await api.browser().signIn(account.name, 'secret')).status, 429);
    nowMs += 500;
    assert.equal((await api.browser().signIn(account.name, 'wrong')).status, 403);
    assert.equal((await login(two, account.name, 'secret')).headers.get('retry-after'), '2');
    nowMs += 1500;
    assert.equal((await login(two, account.name, 'secret')).status, 200);
    assert.equal((await login(one, account.name, 'secret')).status, 200);
  });

  it('are answered alike for a name that nobody has', async () => {
    const { account } = await buildUser(one.dataSource, { password: 'secret' });
    const [known, unknown] = [account.name, uniqueName('nobody')];
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      const answers = [await login(one, known, 'wrong'), await login(one, unknown, 'wrong')];
      const told = answers.map(({ status, headers }) => [status, headers.get('retry-after')]);
      assert.deepEqual(told[0], told[1]);
      assert.equal(await answers[0]?.text(), await answers[1]?.text());
      if (attempt % 2 === 0) nowMs += 500;
    }
  });

  it('stop neither tokens of the user, nor robots, nor what is already signed in', async () => {
    const { account } = await buildUser(one.dataSource, { password: 'secret' });
    const repository = await buildRepository(one.dataSource, { namespace: account });
    const path = `/v2/${account.name}/${repository.name}/tags/list`;
    const signedIn = new RegistryClient(one.url, { username: account.name, password: 'secret' });
    await signedIn.expect(200, 'GET', path);
    const robot = await buildRobot(one.dataSource, { namespace: account });
    await grant(one.dataSource, repository, robot.account, 'read');
    const input = { repositoryId: repository.id, kind: 'trigger', role: 'read', friendlyName: 't' } as const;
    const minted = await mintRepositoryToken(one.dataSource.manager, { ...input, nowMs });
    const bearer = await api.tokenOf(account);
    assert.equal((await login(one, account.name, 'wrong')).status, 401);
    assert.equal((await login(one, account.name, 'secret')).status, 429);

    await signedIn.expect(200, 'GET', path);
    assert.equal((await login(one, robot.account.name, robot.token)).status, 200);
    assert.equal((await login(one, '$token', minted.password)).status, 200);
    assert.equal((await login(one, '$oauthtoken', bearer)).status, 200);
    assert.equal((await api.call('GET', '/user/', { token: bearer })).status, 200);
  });

  it('of robots and tokens make nobody wait', async () => {
    const { account } = await buildUser(one.dataSource, { password: 'secret' });
    const robot = await buildRobot(one.dataSource, { namespace: account });
    for (const name of [robot.account.name, '$token', '$oauthtoken']) {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        assert.equal((await login(one, name, 'A'.repeat(64))).status, 401);
      }
    }
    assert.equal((await login(one, robot.account.name, robot.token)).status, 200);
    assert.equal((await login(one, account.name, 'secret')).status, 200);
  });

  it('count for the address that a trusted proxy names, and for no other', async () => {
    const { account } = await buildUser(one.dataSource, { password: 'secret' });
    const from = (address: string) => ({ 'x-forwarded-for': address });
    assert.equal((await login(one, account.name, 'wrong', from('198.51.100.1'))).status, 401);
    assert.equal((await login(one, account.name, 'secret', from('198.51.100.1'))).status, 429);
    assert.equal((await login(one, account.name, 'secret', from('198.51.100.2'))).status, 200);
    // This process trusts no proxy: whatever the header says, it is one and the same client.
    assert.equal((await login(two, account.name, 'wrong', from('198.51.100.3'))).status, 401);
    assert.equal((await login(two, account.name, 'secret', from('198.51.100.4'))).status, 429);
  });
});
