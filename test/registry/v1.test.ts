import { strict as assert } from 'node:assert';

import type { DataSource } from 'typeorm';

import { buildRepository, buildUser, uniqueName } from '../support/factories';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { codesOf } from '../support/registry-client';

interface Found {
  num_results: number;
  num_pages: number;
  page: number;
  results: { name: string; is_public: boolean; href: string }[];
}

describe('what is left of version 1 of the protocol', () => {
  let registry: TestRegistry;
  let dataSource: DataSource;
  let name: string;
  const stem = uniqueName('needle');

  before(async () => {
    registry = await startRegistry();
    ({ dataSource } = registry);
    const { account } = await buildUser(dataSource, { password: 'secret' });
    const { account: other } = await buildUser(dataSource);
    name = account.name;
    for (const suffix of ['a', 'b', 'c']) {
      await buildRepository(dataSource, { namespace: account, name: `${stem}-${suffix}` });
    }
    await buildRepository(dataSource, { namespace: other, name: `${stem}-open`, visibility: 'public' });
    await buildRepository(dataSource, { namespace: other, name: `${stem}-hidden` });
  });
  after(() => registry.close());

  const basic = (username = name) => ({
    authorization: `Basic ${Buffer.from(`${username}:secret`).toString('base64')}`,
  });
  const call = (path: string, init: RequestInit = {}) => fetch(`${registry.url}/v1/${path}`, init);
  async function searched(query: string, headers: Record<string, string> = {}): Promise<Found> {
    const response = await call(`search?${query}`, { headers });
    assert.equal(response.status, 200);
    return (await response.json()) as Found;
  }
  const namesIn = ({ results }: Found) => results.map((result) => result.name.split('/')[1]);

  it('answers a ping in its own headers, and not in those of version 2', async () => {
    const { status, headers } = await call('_ping');
    assert.equal(status, 200);
    assert.equal(headers.get('x-docker-registry-version'), '0.6.0');
    assert.equal(headers.get('x-docker-registry-standalone'), '0');
    assert.equal(headers.get('docker-distribution-api-version'), null);
  });

  it('finds what the caller may see, page after page', async () => {
    assert.deepEqual(namesIn(await searched(`q=${stem}`)), [`${stem}-open`]);
    const all = await searched(`q=${stem.toUpperCase()}`, basic());
    assert.deepEqual(
      namesIn(all).sort(),
      ['a', 'b', 'c', 'open'].map((suffix) => `${stem}-${suffix}`),
    );
    assert.equal(all.results.filter((result) => result.is_public).length, 1);
    const first = await searched(`q=${stem}&n=3`, basic());
    const second = await searched(`q=${stem}&n=3&page=2`, basic());
    assert.deepEqual(
      [first.num_results, first.num_pages, second.num_results, second.num_pages],
      [3, 2, 1, 2],
    );
    assert.deepEqual([...first.results, ...second.results], all.results);
  });

  it('finds nothing for no text, and takes wildcards as they are', async () => {
    for (const query of ['', 'q=', 'q=%25', `q=${stem.slice(0, -1)}_`]) {
      assert.deepEqual((await searched(query, basic())).results, [], query);
    }
  });

  it('refuses wrong credentials', async () => {
    for (const path of ['search?q=x', 'users/']) {
      const response = await call(path, { headers: basic(uniqueName('nobody')) });
      assert.deepEqual([response.status, await codesOf(response)], [401, ['UNAUTHORIZED']]);
      assert.match(response.headers.get('www-authenticate') ?? '', /^Basic realm=/);
    }
  });

  it('shows nothing to nobody where that is not allowed', async () => {
    const closed = await startRegistry({ dataSource, config: { FEATURE_ANONYMOUS_ACCESS: false } });
    const { status } = await fetch(`${closed.url}/v1/search?q=${stem}`);
    await closed.close();
    assert.equal(status, 401);
  });

  it('tells a client that tries to make an account that it has one, when the password is right', async () => {
    const post = (body: string) => call('users/', { method: 'POST', body });
    const right = await post(JSON.stringify({ username: name, password: 'secret', email: 'a@b.test' }));
    assert.deepEqual([right.status, await right.json()], [400, 'Username or email already exists']);
    const wrong = await post(JSON.stringify({ username: uniqueName('nobody'), password: 'wrong' }));
    assert.deepEqual([wrong.status, await codesOf(wrong)], [400, ['UNAUTHORIZED']]);
    for (const body of ['', '{', '[]', '{"password":"x"}']) {
      const response = await post(body);
      assert.deepEqual([response.status, await codesOf(response)], [400, ['INVALID_REQUEST']], body);
    }
    const large = await post(JSON.stringify({ username: 'x'.repeat(20_000) }));
    assert.equal(large.status, 413);
  });

  it('tells who somebody is, and that nobody is nobody', async () => {
    const response = await call('users', { headers: basic() });
    assert.deepEqual([response.status, await response.json()], [200, { username: name, email: null }]);
    assert.equal((await call('users')).status, 404);
  });

  it('has nothing else', async () => {
    const gone = await call(`repositories/${name}/${stem}-a/images`, { headers: basic() });
    assert.deepEqual([gone.status, await codesOf(gone)], [410, ['UNSUPPORTED']]);
    assert.equal((await call('images/abc/json')).status, 410);
    assert.equal((await call('else')).status, 404);
    const put = await call('_ping', { method: 'PUT' });
    assert.deepEqual([put.status, put.headers.get('allow')], [405, 'GET, HEAD']);
  });
});
