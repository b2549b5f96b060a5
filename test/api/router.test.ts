import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';

import { z } from 'zod';

import { ActError } from '../../commands/act-error';
import { route } from '../../api/route';
import { createCsrfRoutes } from '../../api/session/csrf.routes';
import { createSessionRoutes } from '../../api/session/session.routes';
import type { Logger } from '../../telemetry/logger';
import { silentLogger } from '../../telemetry/logger';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import { buildOrganization, buildRepository, buildUser, grant } from '../support/factories';

const BROWSER = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36' };

describe('the API router', () => {
  let api: TestApi;
  let token: string;
  let aheadMs = 0;
  const logged: { requestId: string; err: Error }[] = [];

  before(async () => {
    const logger: Logger = {
      ...silentLogger,
      error: (fields) => logged.push(fields as (typeof logged)[number]),
    };
    const handle = () => Promise.resolve({ status: 200, body: 'read' });
    api = await startApi({
      deps: { logger, now: () => Date.now() + aheadMs },
      routes: (deps) => [
        ...createSessionRoutes(deps),
        ...createCsrfRoutes(),
        route({
          method: 'GET',
          path: '/repository/{r}',
          operationId: 'one',
          access: 'repository-read',
          handle,
        }),
        route({
          method: 'GET',
          path: '/repository/{r}/tag/{tag}',
          operationId: 'tag',
          access: 'repository-read',
          handle: ({ params }) => Promise.resolve({ status: 200, body: params }),
        }),
        route({
          method: 'DELETE',
          path: '/repository/{r}/tag/{tag}',
          operationId: 'untag',
          access: 'repository-write',
          normalState: true,
          handle: () => Promise.resolve({ status: 204 }),
        }),
        route({
          method: 'POST',
          path: '/things/',
          operationId: 'make',
          access: 'authenticated',
          bodySchema: z.looseObject({ size: z.number(), kind: z.enum(['a', 'b']) }),
          handle: ({ body }) => Promise.resolve({ status: 201, body }),
        }),
        route({
          method: 'PUT',
          path: '/things/{name}',
          operationId: 'put',
          access: 'authenticated',
          optionalBody: true,
          bodySchema: z.looseObject({ size: z.number().optional() }),
          handle: ({ params, body }) => Promise.resolve({ status: 200, body: { ...params, body } }),
        }),
        route({
          method: 'POST',
          path: '//raw',
          operationId: 'raw',
          access: 'anyone-always',
          withoutCsrf: true,
          basicAuth: true,
          rawBody: { limitBytes: 10 },
          handle: ({ rawBody, identity }) =>
            Promise.resolve({ status: 200, body: { bytes: rawBody.toString('hex'), as: identity.kind } }),
        }),
        route({
          method: 'GET',
          path: '/fails/{reason}',
          operationId: 'fail',
          access: 'anyone',
          handle({ params }) {
            if (params.reason === 'bug') throw new TypeError('the password is hunter2');
            throw new ActError(params.reason as never, 'it was "x"', 'name');
          },
        }),
        route({
          method: 'POST',
          path: '/sensitive',
          operationId: 'sensitive',
          access: 'user',
          sessionOnly: true,
          freshLogin: true,
          handle,
        }),
      ],
    });
    token = await api.tokenOf((await buildUser(api.dataSource)).account);
  });
  after(() => api.close());

  it('finds the repository in front of literal suffixes, slashes and all', async () => {
    const { account } = await buildUser(api.dataSource);
    const mine = await api.tokenOf(account);
    const name = 'team/app/backend';
    await buildRepository(api.dataSource, { namespace: account, name });
    const whole = await api.call('GET', `/repository/${account.name}/${name}`, { token: mine });
    assert.deepEqual([whole.status, whole.body], [200, 'read']);
    const tag = await api.call('GET', `/repository/${account.name}/${name}/tag/v1`, { token: mine });
    assert.deepEqual(tag.body, { r: `${account.name}/${name}`, tag: 'v1' });
    const encoded = `${account.name}%2Fteam%2Fapp%2Fbackend`;
    const once = await api.call('GET', `/repository/${encoded}/tag/v1`, { token: mine });
    assert.equal(once.body.r, `${account.name}/${name}`);
  });

  it('decodes the path once and keeps a plus', async () => {
    const answer = await api.call('PUT', '/things/ns+bot%2B%2520', { token });
    assert.deepEqual(answer.body, { name: 'ns+bot+%20', body: {} });
    const broken = await api.call('PUT', '/things/%E0%A4%A', { token });
    assert.equal(broken.status, 400);
    assert.match(broken.body.message, /percent-encoded/);
  });

  it('serves paths with and without the final slash', async () => {
    for (const path of ['/things', '/things/']) {
      const answer = await api.call('POST', path, { token, json: { size: 1, kind: 'a' } });
      assert.equal(answer.status, 201, path);
    }
  });

  it('says 404 for unknown routes and 405 with Allow for other methods', async () => {
    const unknown = await api.call('GET', '/nonsense');
    assert.equal(unknown.status, 404);
    assert.match(unknown.body.message, /no route/);
    const wrong = await api.call('DELETE', '/things/', { token });
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get('allow'), 'POST');
    assert.match(wrong.body.message, /DELETE is not allowed/);
    assert.equal((await api.call('GET', '//nonsense')).status, 404);
  });

  it('answers HEAD like GET without a body, and OPTIONS with CORS headers', async () => {
    const { account } = await buildUser(api.dataSource);
    const { name } = await buildRepository(api.dataSource, { namespace: account, visibility: 'public' });
    const head = await api.call('HEAD', `/repository/${account.name}/${name}`);
    assert.deepEqual([head.status, head.body, head.headers.get('content-length')], [200, '', '7']);
    const options = await api.call('OPTIONS', '/things/');
    assert.deepEqual([options.status, options.body], [200, null]);
    assert.equal(options.headers.get('access-control-allow-origin'), '*');
    assert.equal(
      options.headers.get('access-control-allow-methods'),
      'GET, HEAD, OPTIONS, POST, DELETE, PUT',
    );
    assert.equal(options.headers.get('access-control-allow-credentials'), null);
  });

  it('wants X-Requested-With on GETs of browsers only', async () => {
    const bare = await api.call('GET', '/fails/not-found', { headers: BROWSER });
    assert.equal(bare.status, 400);
    assert.match(bare.body.error, /X-Requested-With/);
    const headers = { ...BROWSER, 'x-requested-with': 'XMLHttpRequest' };
    assert.equal((await api.call('GET', '/fails/not-found', { headers })).status, 404);
    assert.equal(
      (await api.call('GET', '/fails/not-found', { headers: { 'user-agent': 'curl/8' } })).status,
      404,
    );
  });

  it('names field and reason of a body that does not fit', async () => {
    const answer = await api.call('POST', '/things/', { token, json: { size: 'big', kind: 'c' } });
    assert.equal(answer.status, 400);
    const { detail, error_message, error_type, title, type, status, field } = answer.body;
    assert.match(detail, /^size: .*number.*; kind: .*"a"\|"b"/);
    assert.equal(error_message, detail);
    assert.deepEqual([error_type, title, status, field], ['invalid_request', 'invalid_request', 400, 'size']);
    assert.equal(type, 'http://registry.test/api/v1/error/invalid_request');
  });

  it('lets unknown fields pass', async () => {
    const json = { size: 1, kind: 'a', org_name: 'x' };
    assert.equal((await api.call('POST', '/things/', { token, json })).status, 201);
  });

  it('refuses other content types, malformed JSON, null and too much of it', async () => {
    const send = (body: string, type = 'application/json') =>
      api.call('POST', '/things/', { token, body, headers: { 'content-type': type } });
    assert.equal((await send('{}', 'text/plain')).status, 415);
    const malformed = await send('{"size":');
    assert.deepEqual([malformed.status, malformed.body], [400, { message: 'the body is not valid JSON' }]);
    const nothing = await send('null');
    assert.deepEqual([nothing.status, nothing.body.error_type], [400, 'invalid_request']);
    assert.match(nothing.body.detail, /null/);
    const large = await send(JSON.stringify({ size: 1, kind: 'a', pad: 'x'.repeat(1_100_000) }));
    assert.equal(large.status, 400);
    assert.match(large.body.detail, /larger than 1048576 bytes/);
  });

  it('takes an optional body that is absent or of another type as empty', async () => {
    assert.deepEqual((await api.call('PUT', '/things/x', { token })).body, { name: 'x', body: {} });
    const other = await api.call('PUT', '/things/x', {
      token,
      body: 'hello',
      headers: { 'content-type': 'text/plain' },
    });
    assert.deepEqual(other.body, { name: 'x', body: {} });
    assert.equal((await api.call('PUT', '/things/x', { token, json: { size: 'x' } })).status, 400);
  });

  it('looks at rights before it looks at the body', async () => {
    const visitor = api.browser();
    const answer = await visitor.call('POST', '/things/', { body: '{' });
    assert.equal(answer.status, 401);
  });

  it('hands raw bytes over up to the limit of the route', async () => {
    const bytes = Buffer.from([0, 255, 10]);
    assert.deepEqual((await api.call('POST', '//raw', { body: bytes })).body, {
      bytes: '00ff0a',
      as: 'anonymous',
    });
    assert.equal((await api.call('POST', '//raw', { body: Buffer.alloc(11) })).status, 413);
    const streamed = await chunked(`${api.url}/raw`, [Buffer.alloc(6), Buffer.alloc(6)]);
    assert.equal(streamed, 413);
  });

  it('accepts Basic credentials where the route does, and there only', async () => {
    const { account } = await buildUser(api.dataSource, { password: 'open sesame'.replace(' ', '-') });
    const headers = {
      authorization: `Basic ${Buffer.from(`${account.name}:open-sesame`).toString('base64')}`,
    };
    assert.equal((await api.call('POST', '//raw', { headers })).body.as, 'user');
    assert.equal((await api.call('PUT', '/things/x', { headers })).status, 403);
    const wrong = { authorization: `Basic ${Buffer.from(`${account.name}:no`).toString('base64')}` };
    assert.equal((await api.call('POST', '//raw', { headers: wrong })).body.as, 'anonymous');
  });

  it('words refusals of commands in the standard body', async () => {
    const expected = {
      invalid: [400, 'invalid_request'],
      unauthorized: [401, 'invalid_token'],
      forbidden: [403, 'insufficient_scope'],
      'not-found': [404, 'not_found'],
      conflict: [409, 'conflict'],
    };
    for (const [reason, [status, type]] of Object.entries(expected)) {
      const answer = await api.call('GET', `/fails/${reason}`);
      assert.deepEqual(
        [answer.status, answer.body.error_type, answer.body.detail],
        [status, type, 'it was "x"'],
      );
      assert.equal(answer.body.field, 'name');
    }
    assert.deepEqual((await api.call('GET', '/fails/limit')).body, { message: 'it was "x"' });
    assert.equal((await api.call('GET', '/fails/limit')).status, 429);
    assert.equal((await api.call('GET', '/fails/wrong-state')).status, 503);
  });

  it('hides what went wrong inside behind an id under which it is logged', async () => {
    const answer = await api.call('GET', '/fails/bug');
    assert.deepEqual([answer.status, answer.body.error_type], [500, 'internal_error']);
    assert.equal(answer.body.request_id, answer.headers.get('x-request-id'));
    assert.doesNotMatch(JSON.stringify(answer.body), /hunter2|TypeError/);
    const entry = logged.find((one) => one.requestId === answer.body.request_id);
    assert.match(entry?.err.stack ?? '', /hunter2[\s\S]*router\.test/);
  });

  it('refuses writes to repositories that are not in state NORMAL', async () => {
    const { account } = await buildUser(api.dataSource);
    const { name } = await buildRepository(api.dataSource, { namespace: account, state: 'READ_ONLY' });
    const mine = await api.tokenOf(account);
    const answer = await api.call('DELETE', `/repository/${account.name}/${name}/tag/v1`, { token: mine });
    assert.equal(answer.status, 503);
    assert.deepEqual(answer.body, { message: 'Repository is in read only or mirror mode: READ_ONLY' });
  });

  it('lowers rights to the scopes of the token', async () => {
    const { account } = await buildUser(api.dataSource);
    const { account: owner } = await buildUser(api.dataSource);
    const { account: organization } = await buildOrganization(api.dataSource, { owner });
    const repository = await buildRepository(api.dataSource, { namespace: organization });
    await grant(api.dataSource, repository, account, 'admin');
    const path = `/repository/${organization.name}/${repository.name}`;
    const reads = await api.tokenOf(account, ['repo:read']);
    assert.equal((await api.call('GET', path, { token: reads })).status, 200);
    assert.equal((await api.call('DELETE', `${path}/tag/v1`, { token: reads })).status, 403);
    const creates = await api.tokenOf(account, ['repo:create', 'user:admin']);
    assert.equal((await api.call('GET', path, { token: creates })).status, 403);
    const writes = await api.tokenOf(account, ['repo:write']);
    assert.equal((await api.call('DELETE', `${path}/tag/v1`, { token: writes })).status, 204);
  });

  it('takes a bad bearer token for nobody', async () => {
    const { account } = await buildUser(api.dataSource);
    const open = await buildRepository(api.dataSource, { namespace: account, visibility: 'public' });
    const closed = await buildRepository(api.dataSource, { namespace: account });
    for (const bad of ['nonsense', 'a'.repeat(40)]) {
      assert.equal(
        (await api.call('GET', `/repository/${account.name}/${open.name}`, { token: bad })).status,
        200,
      );
      assert.equal(
        (await api.call('GET', `/repository/${account.name}/${closed.name}`, { token: bad })).status,
        401,
      );
      assert.equal(
        (await api.call('POST', '/things/', { token: bad })).body.error,
        'CSRF token was invalid or missing.',
      );
    }
  });

  it('keeps sensitive calls for sessions that typed a password lately', async () => {
    const { account } = await buildUser(api.dataSource, { password: 'correct-horse' });
    const bearer = await api.call('POST', '/sensitive', { token: await api.tokenOf(account) });
    assert.deepEqual([bearer.status, bearer.body.error_type], [403, 'insufficient_scope']);
    const browser = api.browser();
    await browser.signIn(account.name, 'correct-horse');
    assert.equal((await browser.call('POST', '/sensitive')).status, 200);
    aheadMs = 11 * 60_000;
    try {
      const stale = await browser.call('POST', '/sensitive');
      assert.deepEqual([stale.status, stale.body.error_type], [401, 'fresh_login_required']);
      await browser.call('POST', '/signin/verify', { json: { password: 'correct-horse' } });
      assert.equal((await browser.call('POST', '/sensitive')).status, 200);
    } finally {
      aheadMs = 0;
    }
  });
});

/** Sends a body of unknown length; its status. */
function chunked(url: string, chunks: Buffer[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: 'POST' }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject);
    for (const chunk of chunks) request.write(chunk);
    request.end();
  });
}
