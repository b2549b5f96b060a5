import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';

import { createDataSource } from '../../db/data-source';
import { migrate } from '../../db/migrate';
import { emptyDatabase, TEST_SECRET_KEY } from '../support/database';
import { eventually } from '../support/eventually';
import { freePort } from '../support/processes';
import type { PartProcess } from '../support/worker-process';
import { startPart } from '../support/worker-process';

describe('the process serve', function () {
  this.timeout(60_000);

  let part: PartProcess;
  let port: number;
  let url: string;

  beforeEach(async () => {
    const databaseUrl = await emptyDatabase();
    const dataSource = createDataSource({
      ...{ DATABASE_URL: databaseUrl, DATABASE_SECRET_KEY: TEST_SECRET_KEY, DATABASE_POOL_SIZE: 2 },
    });
    await dataSource.initialize();
    await migrate(dataSource);
    await dataSource.destroy();
    port = await freePort();
    url = `http://127.0.0.1:${port}`;
    part = await startPart({
      script: 'serve/main.ts',
      databaseUrl,
      temporalAddress: '127.0.0.1:1',
      env: { LISTEN_PORT: String(port), FEATURE_USER_INITIALIZE: 'true' },
    });
    await part.healthy();
  });
  afterEach(() => part.stop('SIGKILL'));

  it('serves the API and the registry on one port, and ends what runs when it is told to stop', async () => {
    assert.equal((await fetch(`${url}/health/instance`)).status, 200);
    assert.equal((await fetch(`${url}/api/v1/user/`)).status, 401);
    const registry = await fetch(`${url}/v2/`);
    assert.equal(registry.status, 401);
    assert.match(registry.headers.get('www-authenticate') ?? '', /^Bearer /);
    assert.equal((await fetch(`${url}/nonsense`)).status, 404);

    const body = JSON.stringify({ username: 'admin', password: 'correct-horse' });
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const request = httpRequest(`${url}/api/v1/user/initialize`, { method: 'POST', headers });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    request.write(body.slice(0, 5));
    // The server has begun with the request once another one, sent later, was answered.
    await fetch(`${url}/health`);
    part.child.kill('SIGTERM');
    await eventually(async () => {
      await assert.rejects(fetch(`${url}/health`));
    });
    request.end(body.slice(5));
    const [response] = await answered;
    assert.equal(response.statusCode, 200);
    response.resume();
    const [exitCode] = (await once(part.child, 'exit')) as [number | null];
    assert.equal(exitCode, 0, part.output());
  });

  it('logs every request under the id that its answer carries, without its query, and counts it by its route', async () => {
    const answers = [
      await fetch(`${url}/v2/some/where/tags/list?n=1&secret=1`),
      await fetch(`${url}/v2/some/where/else`),
      await fetch(`${url}/api/v1/repository/some/where?secret=1`),
      await fetch(`${url}/nonsense`, { method: 'POST', body: 'x'.repeat(5000) }),
    ];
    const ids = answers.map(({ headers }) => headers.get('x-request-id') ?? '');
    assert.equal(new Set(ids).size, 4);
    const logged = await eventually(() => {
      const lines = part
        .output()
        .split('\n')
        .filter((line) => line.endsWith('"msg":"request"}'));
      const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      return ids.map((id) => {
        const found = entries.find(({ requestId }) => requestId === id);
        assert.ok(found, `no line of ${id}`);
        return found;
      });
    });
    assert.deepEqual(
      logged.map(({ method, path, status, address }) => [method, path, status, address]),
      [
        ['GET', '/v2/some/where/tags/list', 401, '127.0.0.1'],
        ['GET', '/v2/some/where/else', 404, '127.0.0.1'],
        ['GET', '/api/v1/repository/some/where', 401, '127.0.0.1'],
        ['POST', '/nonsense', 404, '127.0.0.1'],
      ],
    );
    assert.ok(Number(logged[3]?.receivedBytes) > 5000);
    assert.doesNotMatch(part.output(), /secret=1/);

    const metrics = await (await fetch(`${url}/metrics`)).text();
    const count = (labels: string) =>
      Number(new RegExp(`^slipway_http_requests_total\\{${labels}.*\\} (\\d+)`, 'm').exec(metrics)?.[1]);
    assert.equal(count('method="GET",route="/v2/{name}/tags/list",status="401"'), 1);
    assert.equal(count('method="GET",route="/repository/{r}",status="401"'), 1);
    assert.equal(count('method="POST",route="none",status="404"'), 1);
    for (const name of ['sent_bytes_total', 'received_bytes_total', 'request_duration_seconds_bucket']) {
      assert.match(
        metrics,
        new RegExp(`^slipway_http_${name}\\{.*route="/v2/{name}/tags/list".*\\} [\\d.]+$`, 'm'),
      );
    }
    assert.match(metrics, /^slipway_database_connections\{part="serve"\} [1-9]/m);
  });

  it('ends with the reason when its database does not answer', async () => {
    const second = await startPart({
      script: 'serve/main.ts',
      databaseUrl: 'mysql://root@127.0.0.1:1/none',
      temporalAddress: '127.0.0.1:1',
      env: { LISTEN_PORT: String(port) },
    });
    const [exitCode] = (await once(second.child, 'exit')) as [number | null];
    assert.equal(exitCode, 1);
    assert.match(second.output(), /ECONNREFUSED/);
  });
});
