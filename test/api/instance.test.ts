import assert from 'node:assert/strict';

import { createDataSource } from '../../db/data-source';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import { TEST_SECRET_KEY } from '../support/database';
import { freePort } from '../support/processes';

describe('routes about the installation', () => {
  let api: TestApi;
  before(async () => {
    api = await startApi();
  });
  after(() => api.close());

  it('say that everything works', async () => {
    for (const path of ['//health', '//health/instance', '//health/endtoend', '//status']) {
      const answer = await api.call('GET', path);
      assert.equal(answer.status, 200);
      const data = { services: { auth: true, database: true }, is_stopping: false };
      assert.deepEqual(answer.body, { data, status_code: 200 });
    }
  });

  it('say that the database does not answer', async () => {
    const dataSource = createDataSource({
      DATABASE_URL: `mysql://root@127.0.0.1:${await freePort()}/none`,
      DATABASE_SECRET_KEY: TEST_SECRET_KEY,
      DATABASE_POOL_SIZE: 1,
    });
    const broken = await startApi({ deps: { dataSource } });
    const answer = await broken.call('GET', '//health/instance');
    assert.deepEqual([answer.status, answer.body.data.services.database], [503, false]);
    await broken.close();
  });

  it('say that the process is about to stop, while it still serves', async () => {
    const stopping = await startApi({ deps: { stopping: AbortSignal.abort() } });
    const answer = await stopping.call('GET', '//health');
    assert.deepEqual([answer.status, answer.body.data.is_stopping], [503, true]);
    assert.equal((await stopping.call('GET', '//config')).status, 200);
    await stopping.close();
  });

  it('show the public part of the configuration and no secret', async () => {
    const { status, body } = await api.call('GET', '//config');
    assert.equal(status, 200);
    assert.deepEqual([body.config.SERVER_HOSTNAME, body.features.BUILD_SUPPORT], ['registry.test', true]);
    assert.equal(body.registry_state, 'normal');
    const { DATABASE_SECRET_KEY: secret, DATABASE_URL: url } = api.deps.config;
    assert.equal(JSON.stringify(body).includes(secret), false);
    assert.equal(JSON.stringify(body).includes(url), false);
  });

  it('explain error types', async () => {
    const { body } = await api.call('GET', '/error/not_found');
    assert.deepEqual([body.title, body.type], ['not_found', 'http://registry.test/api/v1/error/not_found']);
    assert.equal((await api.call('GET', '/error/nonsense')).status, 404);
  });

  it('give CORS headers with credentials only to the origin that is configured', async () => {
    const named = await startApi({ config: { CORS_ORIGIN: 'https://console.test' } });
    const { headers } = await named.call('GET', '//csrf_token');
    assert.equal(headers.get('access-control-allow-origin'), 'https://console.test');
    assert.equal(headers.get('access-control-allow-credentials'), 'true');
    await named.close();
    const open = await api.call('GET', '//csrf_token');
    assert.equal(open.headers.get('access-control-allow-origin'), null);
  });
});
