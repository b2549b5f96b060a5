import assert from 'node:assert/strict';

import type { ApiRoute } from '../../api/route';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import { buildOrganization, buildRepository, buildUser } from '../support/factories';

const OPEN = ['anyone', 'anyone-always'];
const FOR_EVERY_USER = ['authenticated', 'signed-in', 'user'];

describe('every route of the table', () => {
  let api: TestApi;
  let fill: (route: ApiRoute) => string;
  let strangersToken: string;

  before(async () => {
    api = await startApi({ config: { FEATURE_USER_INITIALIZE: true } });
    const owner = await buildUser(api.dataSource);
    const { account: organization } = await buildOrganization(api.dataSource, { owner: owner.account });
    const repository = await buildRepository(api.dataSource, { namespace: organization });
    strangersToken = await api.tokenOf((await buildUser(api.dataSource)).account);
    fill = ({ path }) =>
      path
        .replace('{r}', `${organization.name}/${repository.name}`)
        .replace('{o}', organization.name)
        .replace('{digest}', `sha256:${'a'.repeat(64)}`)
        .replace(/\{\w+\}/g, 'something');
  });
  after(() => api.close());

  it('has an operation id of its own', () => {
    const ids = api.routes.map((route) => route.operationId);
    assert.deepEqual(
      ids.filter((id, index) => ids.indexOf(id) !== index),
      [],
    );
  });

  it('asks nobody to sign in, unless it is open to everybody', async () => {
    const visitor = api.browser();
    for (const route of api.routes.filter(({ access }) => !OPEN.includes(access))) {
      const answer = await visitor.call(route.method, fill(route));
      assert.equal(answer.status, 401, `${route.method} ${route.path}`);
      assert.equal(answer.body.error_type, 'invalid_token', `${route.method} ${route.path}`);
    }
  });

  it('refuses somebody without rights on the thing that it names', async () => {
    const guarded = api.routes.filter(({ access }) => ![...OPEN, ...FOR_EVERY_USER].includes(access));
    for (const route of guarded) {
      const answer = await api.call(route.method, fill(route), { token: strangersToken });
      assert.equal(answer.status, 403, `${route.method} ${route.path}`);
      assert.equal(answer.body.error_type, 'insufficient_scope', `${route.method} ${route.path}`);
    }
  });

  it('refuses writes without a CSRF token, unless no cookie gives them authority', async () => {
    for (const route of api.routes.filter(({ method, withoutCsrf }) => method !== 'GET' && !withoutCsrf)) {
      const answer = await api.call(route.method, fill(route));
      assert.equal(answer.status, 403, `${route.method} ${route.path}`);
      assert.deepEqual(answer.body, { error: 'CSRF token was invalid or missing.' });
    }
  });

  it('answers a private repository and one that does not exist alike to whoever has no rights', async () => {
    for (const route of api.routes.filter(({ access }) => access.startsWith('repository-'))) {
      const absent = fill(route).replace(/\/repository\/[^/]+\/[^/]+/, '/repository/nobody-has-it/nothing');
      const [one, other] = [
        await api.call(route.method, fill(route), { token: strangersToken }),
        await api.call(route.method, absent, { token: strangersToken }),
      ];
      assert.deepEqual([one.status, one.body], [other.status, other.body], `${route.method} ${route.path}`);
    }
  });
});
