import assert from 'node:assert/strict';

import { z } from 'zod';

import type { ApiRoute } from '../../api/route';
import { mintRepositoryToken } from '../../auth/tokens';
import type { TestApi } from '../support/api';
import { startApi } from '../support/api';
import { buildOrganization, buildRepository, buildUser, uniqueName } from '../support/factories';

/** A value that is right somewhere for each field that a body may have. */
const RIGHT: Record<string, unknown> = {
  branch_name: 'main',
  commit_sha: 'a'.repeat(40),
  config: { build_source: 'https://git.example/app.git', url: 'https://hook.example/' },
  description: 'text',
  dismissed: true,
  email: 'somebody@mail.example',
  enabled: true,
  event: 'repo_push',
  eventConfig: {},
  expiration: 4_000_000_000,
  method: 'webhook',
  name: 'name',
  password: 'long enough',
  refs: { kind: 'branch', name: 'main' },
  repository: 'name',
  role: 'read',
  service: 'custom-git',
  title: 'title',
  username: 'nobody-has-it',
  visibility: 'private',
};

const PERSON = { username: 'a', url: '', avatar_url: '' };
const RIGHT_PUSH = {
  commit: 'a'.repeat(40),
  ref: 'refs/heads/main',
  default_branch: 'main',
  commit_info: { url: '', message: 'm', date: '', author: PERSON, committer: PERSON },
};

const LONG = 'x'.repeat(70_000);
const DEEP = { deep: JSON.parse('['.repeat(50) + ']'.repeat(50)) as unknown };
const WRONG: unknown[] = [
  ...[null, true, 0, -1, 1.5, 1e308, '', ' ', '-', '../..', '\u0000', '\ud800', 'Ü😀', LONG],
  ...[[], [null], {}, { toString: null }, { '': LONG, level: [], 'ref-regex': '(((', template: '{{' }],
  DEEP,
  ...[
    { url: `http://[::1`, build_source: 'https://%zz@git.example/a' },
    { target: { kind: 'user', name: [] } },
  ],
];
const WRONG_BODIES = ['', 'null', '[]', '"text"', '1e999', '{"a":', '{"__proto__":{"role":1}}', '\ud800'];
const WRONG_PARTS = ['%00', '%F0%9F%98%80', '%C3%9C', "'%22%3B--", '%2E%2E%2F', '+', 'x'.repeat(3000)];
const WRONG_NUMBERS = ['-1', '1e9', '999999999999999', 'NaN', '%00', '%F0%9F%98%80', 'x'.repeat(3000)];

describe('bad input to every route of the table', function () {
  this.timeout(120_000);

  let api: TestApi;
  let token: string;
  let path: string;
  let organization: string;
  let basic: string;
  let triggerId: string;

  before(async () => {
    api = await startApi({
      config: { FEATURE_USER_INITIALIZE: true, BUILD_NAMESPACE_WAITING_LIMIT: 100_000 },
    });
    const { account } = await buildUser(api.dataSource, { superuser: true });
    const built = await buildOrganization(api.dataSource, { owner: account });
    const repository = await buildRepository(api.dataSource, { namespace: built.account });
    token = await api.tokenOf(account);
    organization = built.account.name;
    path = `${organization}/${repository.name}`;
    const trigger = await api.call('POST', `/repository/${path}/trigger/`, {
      token,
      json: { service: RIGHT.service, config: RIGHT.config },
    });
    triggerId = String(trigger.body.id);
    const minted = await mintRepositoryToken(api.dataSource.manager, {
      ...{ repositoryId: repository.id, kind: 'trigger', role: 'write', friendlyName: 'test' },
      nowMs: Date.now(),
    });
    basic = `Basic ${Buffer.from(`$token:${minted.password}`).toString('base64')}`;
  });
  after(() => api.close());

  function fill(route: ApiRoute, part = uniqueName('absent')): string {
    return route.path
      .replace('{r}', path)
      .replace('{o}', organization)
      .replace('{digest}', `sha256:${'a'.repeat(64)}`)
      .replace('/trigger/{uuid}', `/trigger/${triggerId}`)
      .replace(/\{\w+\}/g, part);
  }

  /** The first calls that failed on our side, in words; none is what every test wants. */
  async function failures(
    calls: Iterable<[string, string, Parameters<TestApi['call']>[2]]>,
  ): Promise<string[]> {
    const failed: string[] = [];
    for (const [method, at, call] of calls) {
      const { status } = await api.call(method, at, { token, ...call });
      const sent = JSON.stringify(call?.json ?? call?.body ?? '');
      if (status >= 500) failed.push(`${status} ${method} ${at.slice(0, 200)} ${sent.slice(0, 200)}`);
    }
    return failed.slice(0, 20);
  }

  it('answers no field of a wrong type, size or alphabet with a failure of its own', async () => {
    function* calls(): Generator<[string, string, { json: unknown }]> {
      for (const route of api.routes) {
        const right = rightBody(route);
        for (const field of Object.keys(right)) {
          for (const wrong of WRONG) {
            yield [route.method, fill(route), { json: { ...right, [field]: wrong } }];
          }
        }
      }
    }
    assert.deepEqual(await failures(calls()), []);
  });

  it('answers no body that is no object with a failure of its own', async () => {
    function* calls(): Generator<[string, string, { body: string; headers: Record<string, string> }]> {
      const headers = { 'content-type': 'application/json' };
      for (const route of api.routes.filter(({ bodySchema, rawBody }) => bodySchema ?? rawBody)) {
        const own: Record<string, string> = route.basicAuth ? { ...headers, authorization: basic } : headers;
        for (const body of WRONG_BODIES) yield [route.method, fill(route), { body, headers: own }];
      }
    }
    assert.deepEqual(await failures(calls()), []);
  });

  it('answers no payload of a webhook with a failure of its own', async () => {
    const headers = { 'content-type': 'application/json', authorization: basic };
    const right = RIGHT_PUSH;
    const info = right.commit_info;
    function* calls(): Generator<[string, string, { json: unknown; headers: Record<string, string> }]> {
      const at = `//webhooks/push/trigger/${triggerId}`;
      for (const wrong of WRONG) {
        yield ['POST', at, { json: wrong, headers }];
        for (const field of Object.keys(right)) {
          yield ['POST', at, { json: { ...right, [field]: wrong }, headers }];
        }
        for (const field of Object.keys(info)) {
          yield ['POST', at, { json: { ...right, commit_info: { ...info, [field]: wrong } }, headers }];
        }
        for (const host of [
          'more',
          'pusher',
          'repository',
          'push',
          'project',
          'head_commit',
          'commits',
          'changes',
          'object_kind',
        ]) {
          yield ['POST', at, { json: { ...right, [host]: wrong }, headers }];
        }
      }
    }
    assert.deepEqual(await failures(calls()), []);
  });

  it('answers no depth of nesting with a failure of its own', async () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    function* calls(): Generator<[string, string, { body: string; headers: Record<string, string> }]> {
      const headers = { 'content-type': 'application/json' };
      for (const route of api.routes) {
        const own: Record<string, string> = route.basicAuth ? { ...headers, authorization: basic } : headers;
        const right = route.rawBody ? RIGHT_PUSH : rightBody(route);
        for (const field of [...Object.keys(right), 'more']) {
          const text = JSON.stringify({ ...right, [field]: 'DEEP' });
          for (const value of [
            deep,
            `{"url":"https://hook.example/","build_source":"a@b:c","more":${deep}}`,
          ]) {
            yield [route.method, fill(route), { body: text.replace('"DEEP"', () => value), headers: own }];
          }
        }
      }
    }
    const withBody = [...calls()].filter(([method]) => method === 'POST' || method === 'PUT');
    assert.deepEqual(await failures(withBody), []);
  });

  it('answers no part of a path and no argument with a failure of its own', async () => {
    function* calls(): Generator<[string, string, undefined]> {
      for (const route of api.routes) {
        for (const part of WRONG_PARTS) {
          if (/\{\w+\}/.test(route.path)) {
            yield [route.method, route.path.replace(/\{\w+\}/g, part), undefined];
          }
          yield [route.method, fill(route, part), undefined];
        }
        if (route.method !== 'GET') continue;
        for (const name of [
          'limit',
          'page',
          'since',
          'start',
          'next_page',
          'namespace',
          'specificTag',
          'code',
        ]) {
          for (const number of WRONG_NUMBERS) {
            yield ['GET', `${fill(route)}?${name}=${number}&public=true`, undefined];
          }
        }
      }
    }
    // Routes that remove or end what the other calls need come last in the table's own tests.
    const kept = [...calls()].filter(([method, at]) => method !== 'DELETE' || !at.endsWith(path));
    assert.deepEqual(await failures(kept), []);
  });
});

/** Every field of the schema with a right value, so that each is judged on its own. */
function rightBody({ bodySchema }: ApiRoute): Record<string, unknown> {
  if (!bodySchema) return {};
  const { properties = {} } = z.toJSONSchema(bodySchema, { unrepresentable: 'any', io: 'input' });
  return Object.fromEntries(Object.keys(properties).map((field) => [field, RIGHT[field] ?? null]));
}
