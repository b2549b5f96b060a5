import { strict as assert } from 'node:assert';

import { decodeJwt } from 'jose';

import { appTokenPassword } from '../../auth/tokens';
import { SYSTEM } from '../../commands/act';
import { createAppToken, revokeAppToken } from '../../commands/accounts/app-tokens';
import { changePassword } from '../../commands/accounts/change-password';
import { createOauthToken } from '../../commands/accounts/create-oauth-token';
import { Account, AppToken, OauthToken } from '../../db/entities/accounts';
import { auditOf } from '../support/audit';
import { callerOf, testAuthDeps } from '../support/auth-deps';
import type { BuiltUser } from '../support/factories';
import { buildRepository, buildUser } from '../support/factories';
import { buildImage, pushImage } from '../support/images';
import type { TestRegistry } from '../support/registry';
import { startRegistry } from '../support/registry';
import { RegistryClient } from '../support/registry-client';

const LIFETIME = '1d';

describe('user $app', () => {
  let registry: TestRegistry;
  let nowMs = Date.now();

  before(async () => {
    registry = await startRegistry({ now: () => nowMs });
  });
  after(() => registry.close());

  const deps = () => ({ dataSource: registry.dataSource, now: () => nowMs });

  async function made(user: BuiltUser, lifetime?: string) {
    const config = { APP_SPECIFIC_TOKEN_EXPIRATION: lifetime };
    const token = await createAppToken({ ...deps(), config }, callerOf(user.identity), { title: 'laptop' });
    const client = new RegistryClient(registry.url, { username: '$app', password: appTokenPassword(token) });
    return { token, client };
  }

  async function setUp(lifetime?: string) {
    const user = await buildUser(registry.dataSource, { password: 'secret' });
    const { name } = await buildRepository(registry.dataSource, { namespace: user.account });
    return { user, repository: `${user.account.name}/${name}`, ...(await made(user, lifetime)) };
  }

  async function refusalOf(client: RegistryClient): Promise<[number, string | undefined]> {
    const response = await client.requestToken([]);
    const { errors } = (await response.json()) as { errors: { message: string }[] };
    return [response.status, errors[0]?.message];
  }

  it('is the user who made the token, with all rights', async () => {
    const { user, client, repository, token } = await setUp();
    const response = await client.requestToken([`repository:${repository}:*`]);
    const { token: jwt } = (await response.json()) as { token: string };
    const claims = decodeJwt<{ access: { actions: string[] }[]; context: Record<string, unknown> }>(jwt);
    assert.equal(claims.sub, user.account.name);
    assert.deepEqual(claims.access[0]?.actions, ['pull', 'push', 'delete', '*']);
    assert.deepEqual(
      [claims.context.entity_kind, claims.context.entity_reference, claims.context.user],
      ['appspecifictoken', token.uuid, user.account.name],
    );
  });

  it('is named with the token in the log, for logins and pushes', async () => {
    const { user, client, repository, token } = await setUp();
    assert.equal((await client.requestToken([])).status, 200);
    await pushImage(client, repository, buildImage(), 'v1');
    const entries = await auditOf(registry.dataSource, user.account.id);
    const login = entries.find(({ kind }) => kind === 'login_success');
    assert.deepEqual(
      [login?.performerId, login?.metadata.kind, login?.metadata.app_specific_token_title],
      [user.account.id, 'app_specific_token', 'laptop'],
    );
    const push = entries.find(({ kind }) => kind === 'push_repo')?.metadata;
    assert.deepEqual(
      [push?.username, push?.app_specific_token, push?.app_specific_token_title],
      [user.account.name, token.uuid, 'laptop'],
    );
  });

  it('leaves a mark at the token, once a minute at most', async () => {
    const { client, token } = await setUp();
    const lastAccessed = async () =>
      (await registry.dataSource.manager.findOneByOrFail(AppToken, { id: token.id })).lastAccessedMs;
    assert.equal(await lastAccessed(), null);
    const firstMs = nowMs;
    await client.requestToken([]);
    nowMs += 59_999;
    await client.requestToken([]);
    assert.equal(await lastAccessed(), firstMs);
    nowMs += 1;
    await client.requestToken([]);
    assert.equal(await lastAccessed(), nowMs);
  });

  it('is nobody with a password that is cut, mixed of two, expired or revoked', async () => {
    const { user, token, client } = await setUp(LIFETIME);
    const { token: other } = await made(user, LIFETIME);
    const { code, secret } = token;
    for (const password of [
      '',
      'x',
      code,
      secret,
      code + secret.slice(1),
      code + other.secret,
      secret + code,
    ]) {
      const wrong = new RegistryClient(registry.url, { username: '$app', password });
      assert.deepEqual(await refusalOf(wrong), [401, 'Invalid token'], password);
    }
    await revokeAppToken(deps(), callerOf(user.identity), { uuid: other.uuid });
    const revoked = new RegistryClient(registry.url, { username: '$app', password: appTokenPassword(other) });
    assert.deepEqual(await refusalOf(revoked), [401, 'Invalid token']);
    assert.equal((await client.requestToken([])).status, 200);
    nowMs += 86_400_000;
    assert.deepEqual(await refusalOf(client), [401, 'Invalid token']);
  });

  it('is told that its user is disabled', async () => {
    const { user, client } = await setUp();
    await registry.dataSource.manager.update(Account, { id: user.account.id }, { enabled: false });
    const message = 'This user has been disabled. Please contact your administrator.';
    assert.deepEqual(await refusalOf(client), [401, message]);
  });

  it('is not asked to wait while somebody guesses at the password, and keeps others from nothing', async () => {
    const { user, client } = await setUp();
    const guess = new RegistryClient(registry.url, { username: user.account.name, password: 'wrong' });
    assert.equal((await guess.requestToken([])).status, 401);
    assert.equal((await guess.requestToken([])).status, 429);
    assert.equal((await client.requestToken([])).status, 200);
  });

  it('does not exist where the feature is off', async () => {
    const { token } = await setUp();
    const closed = await startRegistry({ config: { FEATURE_APP_SPECIFIC_TOKENS: false } });
    const client = new RegistryClient(closed.url, { username: '$app', password: appTokenPassword(token) });
    assert.deepEqual(await refusalOf(client), [401, 'Invalid token']);
    await closed.close();
  });

  it('outlives the password of its user', async () => {
    const { user, client, repository } = await setUp();
    await pushImage(client, repository, buildImage(), 'v1');
    const accounts = testAuthDeps(registry.dataSource, { now: () => nowMs });
    await changePassword(accounts, SYSTEM, { accountId: user.account.id, password: 'another-horse' });
    await pushImage(client, repository, buildImage(), 'v2');
    assert.equal((await client.requestToken([])).status, 200);
  });

  describe('and $oauthtoken, revoked', () => {
    /** A client that pushed and pulled, and a way to end what it signed in with. */
    const kinds: Record<
      string,
      () => Promise<{ client: RegistryClient; repository: string; end: () => unknown }>
    > = {
      async 'an app token'() {
        const { user, client, repository, token } = await setUp();
        return { client, repository, end: () => revokeAppToken(deps(), callerOf(user.identity), token) };
      },
      async 'a bearer token'() {
        const { user, repository } = await setUp();
        const { token: password, uuid } = await createOauthToken(deps(), SYSTEM, {
          ...{ accountId: user.account.id, title: 'ci', scopes: ['repo:admin'], lifetimeMs: 86_400_000 },
        });
        const client = new RegistryClient(registry.url, { username: '$oauthtoken', password });
        return { client, repository, end: () => registry.dataSource.manager.delete(OauthToken, { uuid }) };
      },
    };
    for (const [kind, make] of Object.entries(kinds)) {
      it(`take ${kind} from writes and the catalog at once, from reads within 30 s`, async () => {
        const { client, repository, end } = await make();
        const path = `/v2/${repository}/manifests/v1`;
        const scope = 'registry:catalog:*';
        await pushImage(client, repository, buildImage(), 'v1');
        await client.expect(200, 'GET', path);
        const catalog = await client.expect(200, 'GET', '/v2/_catalog', { scope });
        assert.deepEqual(await catalog.json(), { repositories: [repository] });
        await end();
        const refused = [
          await client.call('POST', `/v2/${repository}/blobs/uploads/`),
          await client.call('GET', '/v2/_catalog', { scope }),
        ];
        nowMs += 30_000;
        refused.push(await client.call('GET', path));
        for (const response of refused) {
          assert.equal(response.status, 401);
          assert.match(response.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
        }
      });
    }
  });

  it('of a bearer token without a right to repositories sees no catalog', async () => {
    const { user } = await setUp();
    const { token: password } = await createOauthToken(deps(), SYSTEM, {
      ...{ accountId: user.account.id, title: 'ci', scopes: ['user:read'], lifetimeMs: 86_400_000 },
    });
    const client = new RegistryClient(registry.url, { username: '$oauthtoken', password });
    const answer = await client.expect(200, 'GET', '/v2/_catalog', { scope: 'registry:catalog:*' });
    assert.deepEqual(await answer.json(), { repositories: [] });
  });
});
